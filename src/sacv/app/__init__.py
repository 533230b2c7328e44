"""The app: photos, concepts and maps in the browser, on this machine.

`serve` runs it; `application` returns it as an ASGI application. Results are stored in a folder (`Workplace`) of
ordinary files, which the command line reads: photos, sets of concept images, COCO masks, banks and explanations.
"""
