"""The Gradio page and the API: they submit, follow and show. No work happens here."""
