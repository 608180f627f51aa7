"""The web page: rendered here for every reader, brought to life in the browser by the modules in `static`."""
