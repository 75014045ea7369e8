"""The speech API over HTTP, in OpenAI's shape: what asr and tts share, and the parts of each."""
