"""Endpoints by name. A new OpenAI-compatible provider is a line here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """`url` is None where the app knows the address itself. `seed` says whether the endpoint takes the field `seed`."""

    title: str
    url: str | None
    key_env: str | None = None
    seed: bool = True


PRESETS: dict[str, Preset] = {
    "local": Preset("Built-in small model (for trying only)", None),
    "scripted": Preset("Scripted answers (no model at all)", None),
    "openai": Preset("OpenAI", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    "huggingface": Preset("Hugging Face router", "https://router.huggingface.co/v1", "HF_TOKEN"),
    "openrouter": Preset("OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": Preset("Together AI", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "groq": Preset("Groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": Preset("Mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", seed=False),
    "deepseek": Preset("DeepSeek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", seed=False),
    "vllm": Preset("vLLM on this machine", "http://127.0.0.1:8000/v1"),
    "sglang": Preset("SGLang on this machine", "http://127.0.0.1:30000/v1"),
    "tgi": Preset("Text Generation Inference on this machine", "http://127.0.0.1:8080/v1"),
    "llama.cpp": Preset("llama.cpp on this machine", "http://127.0.0.1:8080/v1"),
    "ollama": Preset("Ollama on this machine", "http://127.0.0.1:11434/v1"),
    "lmstudio": Preset("LM Studio on this machine", "http://127.0.0.1:1234/v1"),
}
