"""Programs beside the engine that try it: the make-believe shop and the crash test. The engine does not know
them."""
