// Maps a user agent to one of a few client names for metrics: a label value for every user agent would be useless.

const names: readonly [pattern: RegExp, name: string][] = [
  [/^openai\/python/i, 'openai-python'],
  [/^openai\/js/i, 'openai-node'],
  [/^openai/i, 'openai-other'],
  [/^anthropic\/python/i, 'anthropic-python'],
  [/^anthropic\/js/i, 'anthropic-node'],
  [/^anthropic/i, 'anthropic-other'],
  [/^ollama-js\//i, 'ollama-node'],
  [/^ollama-python\//i, 'ollama-python'],
  [/^ollama\//i, 'ollama-cli'],
  [/ai-sdk\//i, 'ai-sdk'],
  [/^claude-(?:cli|code)\//i, 'claude-code'],
  [/opencode/i, 'opencode'],
  [/codex/i, 'codex'],
  [/langchain/i, 'langchain'],
  [/litellm/i, 'litellm'],
  [/zed/i, 'zed'],
  [/^curl\//i, 'curl'],
  [/^python-(requests|httpx)/i, 'python'],
  [/^(node|undici)/i, 'node'],
  [/^Mozilla\//i, 'browser'],
]

export const clientName = (userAgent: string): string =>
  userAgent === '' ? 'none' : (names.find(([pattern]) => pattern.test(userAgent))?.[1] ?? 'other')
