"""The app in the browser: its server, what stands behind the pages, and what connects them with Gradio."""
