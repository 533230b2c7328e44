"""Compressed run lengths, written bit by bit: the inverse of what `sacv` reads."""


def run_lengths(mask):
    """Counts of pixels outside, inside, outside, ... down the columns of a bool mask, the first outside."""
    counts, inside = [0], False
    for column in range(mask.shape[1]):
        for row in range(mask.shape[0]):
            if bool(mask[row, column]) != inside:
                counts.append(0)
                inside = not inside
            counts[-1] += 1
    return counts


def compressed(counts):
    """Each count, from the fourth on less the one before the last, in two's complement of as few 5-bit digits as do."""
    text = ""
    for index, count in enumerate(counts):
        number = count - counts[index - 2] if index > 2 else count
        digits = 1
        while not -(2 ** (5 * digits - 1)) <= number < 2 ** (5 * digits - 1):
            digits += 1
        bits = format(number % 2 ** (5 * digits), f"0{5 * digits}b")
        groups = [bits[start : start + 5] for start in range(0, len(bits), 5)][::-1]  # the lowest first
        for place, group in enumerate(groups):
            text += chr(48 + int(group, 2) + 32 * (place < len(groups) - 1))
    return text
