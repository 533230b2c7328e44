"""The reference says what the code has: the committed pages are those that the code gives."""

import pytest
import write_reference

from docs.pages import ROOT


@pytest.mark.parametrize("page", sorted(write_reference.PAGES))
def test_a_page_of_the_reference_is_current(page):
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == write_reference.PAGES[page](), "run: make reference"


def test_every_command_and_option_is_documented_and_has_help():
    page = (ROOT / "docs" / "reference-cli.md").read_text(encoding="utf-8")
    for path, command in write_reference.every_command():
        section = page.split(f"\n## {' '.join(path)}\n", 1)[1].split("\n## ", 1)[0]
        assert command.help, path
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                assert option.help, (path, option.name)
                assert all(f"`{name}" in section for name in option.opts), (path, option.opts)


def test_every_public_name_is_documented_and_says_what_it_is():
    page = (ROOT / "docs" / "reference-python.md").read_text(encoding="utf-8")
    entries = set(page.split())
    for name in write_reference.public_names():
        assert f"sacv.{name}" in entries or f"## sacv.{name}" in page, name
    for module in write_reference.modules():
        for name in write_reference.members(module):
            assert f"{write_reference.HOMES.get(module, module)}.{name}" in entries, name
