"""All stand-ins for providers: `with StandIn(OPENAI) as server:` serves one at `server.url`; its key is "right-key"."""

from tests.provider_base import Call, Model, Provider, Rule, StandIn
from tests.provider_hosts import GROQ, OPENROUTER, TOGETHER
from tests.provider_makers import ANTHROPIC, DEEPSEEK, GEMINI, MISTRAL
from tests.provider_openai import AZURE, OPENAI
from tests.provider_servers import LLAMA_CPP, LM_STUDIO, OLLAMA, SGLANG, VLLM, VLLM_OLD

HOSTED = (OPENAI, AZURE, GEMINI, ANTHROPIC, MISTRAL, DEEPSEEK, OPENROUTER, GROQ, TOGETHER)
LOCAL = (VLLM, VLLM_OLD, SGLANG, OLLAMA, LM_STUDIO, LLAMA_CPP)
PROVIDERS = {provider.name: provider for provider in (*HOSTED, *LOCAL)}

__all__ = [
    "ANTHROPIC", "AZURE", "DEEPSEEK", "GEMINI", "GROQ", "HOSTED", "LLAMA_CPP", "LM_STUDIO", "LOCAL", "MISTRAL", "OLLAMA",
    "OPENAI", "OPENROUTER", "PROVIDERS", "SGLANG", "TOGETHER", "VLLM", "VLLM_OLD", "Call", "Model", "Provider", "Rule",
    "StandIn",
]  # fmt: skip
