"""Settings of Sphinx; ``docs/build.py`` copies this file next to the pages that it assembles."""

import dessim

project = "dessim"
author = "The dessim developers"
copyright = author
version = release = dessim.__version__
extensions = ["myst_parser"]
myst_heading_anchors = 4  # the anchors that Markdown viewers give headings
myst_enable_extensions = ["colon_fence"]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = f"dessim {version}"
html_show_sourcelink = False
html_copy_source = False
html_last_updated_fmt = None  # the same sources, the same bytes
language = "en"
pygments_style = "default"
nitpicky = True
