"""The built-in model: SmolLM2-135M-Instruct (Apache-2.0) behind llama.cpp's OpenAI-compatible server.

It is there so that everything can be tried without an account, a key or a network. Its ratings are noise.
"""

NAME = "smollm2-135m-instruct"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTEXT = 4096
SLOTS = 8
