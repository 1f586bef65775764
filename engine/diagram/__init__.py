"""The flowchart of a journey, drawn from its file: for the terminal, as Mermaid, as SVG."""
