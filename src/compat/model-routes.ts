// The routes for models, which two APIs have at the same paths: what their rows have in common.

const shared = { method: 'GET', isShared: true } as const

export const listModels = {
  ...shared,
  path: '/v1/models',
  id: 'listModels',
  summary: 'List models that requests may name',
  about:
    "The models that the CLI reports, each as a plain model and as an agent. In Anthropic's format for requests with `anthropic-version` or `x-api-key`, in OpenAI's for all others.",
  errors: ['cli'],
} as const

export const getModel = {
  ...shared,
  path: '/v1/models/*',
  id: 'getModel',
  summary: 'One model',
  errors: ['model', 'cli'],
} as const

/** What routes that start runs say about the models that they accept. */
export const plainOrAgent =
  "`sonnet` is the plain model: only your system prompt and your own tools. `agent/sonnet` is Claude Code itself, with its tools and settings in the server's default folder; it needs the scope `agent`."
