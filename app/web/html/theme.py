"""How the app looks to Gradio: colours, type, and the style sheet. The style sheet's variables are the design's tokens."""

from pathlib import Path

import gradio as gr

CLAY = gr.themes.Color(
    name="clay", c50="#fcf6f2", c100="#f8e9e0", c200="#f0d0c0", c300="#e5a98e", c400="#d67f5c", c500="#c4613b", c600="#a94a29",
    c700="#8b3b22", c800="#71321f", c900="#4f281c", c950="#33190f",
)  # fmt: skip
STONE = gr.themes.Color(
    name="stone", c50="#faf9f7", c100="#f4f2ef", c200="#e8e4df", c300="#d6d0c9", c400="#a69f97", c500="#78716b", c600="#5f5852",
    c700="#44403b", c800="#2b2725", c900="#1f1c1a", c950="#171412",
)  # fmt: skip
SHAPE = {
    "block_border_width": "0px", "block_padding": "0px", "block_shadow": "none", "block_background_fill": "transparent",
    "block_label_background_fill": "transparent", "block_title_text_size": "12px", "block_title_text_weight": "600",
    "block_title_padding": "0", "block_title_border_width": "0px", "block_title_background_fill": "none",
    "form_gap_width": "0px", "layout_gap": "12px", "input_border_width": "1px", "input_padding": "7px 10px",
    "input_radius": "6px", "input_shadow": "none", "input_shadow_focus": "none", "button_small_padding": "5px 12px",
    "button_medium_padding": "7px 14px", "button_large_padding": "8px 16px", "button_small_radius": "6px",
    "button_medium_radius": "6px", "button_large_radius": "6px", "button_small_text_size": "13px",
    "button_medium_text_size": "13px", "button_large_text_size": "13px", "button_small_text_weight": "600",
    "button_medium_text_weight": "600", "button_large_text_weight": "600", "button_border_width": "1px",
    "button_primary_shadow": "none", "button_secondary_shadow": "none", "button_primary_text_color": "#ffffff",
    "checkbox_label_border_width": "0px", "checkbox_label_background_fill": "transparent", "checkbox_label_padding": "3px 0",
    "checkbox_label_background_fill_selected": "transparent", "checkbox_label_background_fill_hover": "transparent",
    "checkbox_border_width": "1px", "slider_color": "*primary_600",
}  # fmt: skip
LIGHT = {
    "body_background_fill": "*neutral_50", "body_text_color": "#2a2522", "body_text_color_subdued": "*neutral_600",
    "background_fill_primary": "#ffffff", "background_fill_secondary": "*neutral_100", "border_color_primary": "*neutral_200",
    "color_accent": "*primary_600", "color_accent_soft": "*primary_100", "block_title_text_color": "#44403b",
    "block_info_text_color": "*neutral_600", "input_background_fill": "#ffffff", "input_border_color": "*neutral_300",
    "input_border_color_focus": "*primary_600", "input_placeholder_color": "*neutral_500",
    "button_primary_background_fill": "*primary_600", "button_primary_background_fill_hover": "*primary_700",
    "button_primary_border_color": "*primary_600", "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_hover": "*neutral_100", "button_secondary_border_color": "*neutral_300",
    "button_secondary_text_color": "#2a2522", "checkbox_background_color": "#ffffff",
    "checkbox_background_color_selected": "*primary_600", "checkbox_border_color": "*neutral_400",
    "checkbox_border_color_selected": "*primary_600", "checkbox_label_text_color": "#2a2522",
    "link_text_color": "*primary_700",
}  # fmt: skip
ALSO_DARK = (
    "block_border", "block_shadow", "block_background", "block_label", "block_title_background", "checkbox_label_b",
    "checkbox_border", "button_border", "input_border_w",
)  # fmt: skip
DARK = {
    **{name: value for name, value in SHAPE.items() if name.startswith(ALSO_DARK)},
    "body_background_fill": "*neutral_950", "body_text_color": "#ece7e2", "body_text_color_subdued": "*neutral_400",
    "background_fill_primary": "*neutral_900", "background_fill_secondary": "#262220", "border_color_primary": "#38332f",
    "color_accent_soft": "#3a211a", "block_title_text_color": "#cfc8c1", "block_info_text_color": "*neutral_400",
    "input_background_fill": "#262220", "input_border_color": "#4a443f", "input_border_color_focus": "*primary_400",
    "input_placeholder_color": "#978f88", "input_shadow_focus": "none", "button_primary_background_fill": "#b5532f",
    "button_primary_background_fill_hover": "#a94a29", "button_primary_border_color": "#b5532f",
    "button_primary_text_color": "#ffffff", "button_secondary_background_fill": "#262220",
    "button_secondary_background_fill_hover": "#312c29", "button_secondary_border_color": "#4a443f",
    "button_secondary_text_color": "#ece7e2", "checkbox_background_color": "#262220",
    "checkbox_background_color_selected": "#b5532f", "checkbox_border_color": "#78716b",
    "checkbox_border_color_selected": "#b5532f", "checkbox_label_text_color": "#ece7e2", "link_text_color": "*primary_300",
    "slider_color": "#d67f5c",
}  # fmt: skip


def theme() -> gr.themes.Base:
    """The theme, in light and dark. Its fonts come with Gradio: nothing is fetched from elsewhere."""
    base = gr.themes.Base(
        primary_hue=CLAY, secondary_hue=CLAY, neutral_hue=STONE, radius_size="md", spacing_size="sm", text_size="sm",
        # the SemiBold files that come along lack Latin letters
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
        font_mono=[gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"],
    )  # fmt: skip
    return base.set(**SHAPE, **LIGHT, **{f"{name}_dark": value for name, value in DARK.items()})


def css() -> str:
    """The style sheet, with that of what stands around the rows on Review."""
    static = Path(__file__).parent.parent / "static"
    return "\n".join((static / name).read_text(encoding="utf-8") for name in ("style.css", "review.css", "proof.css"))
