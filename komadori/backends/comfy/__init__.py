"""ComfyUI servers: asked over HTTP, heard over a WebSocket, and trusted with nothing."""
