"""The app: photos, concepts and maps in the browser, on this machine.

`serve` runs it; `application` gives it as an ASGI application. What is made lies in a folder (`Workplace`) of ordinary
files: photos, sets of concept images, masks in COCO form, banks and explanations, which the command line reads.
"""
