// The clients that `launch` knows, under the names by which it is asked for them. It is loaded at every start, for help and
// completion; what there is to say of each client is in clients.ts.

export const clientTitles = {
  'claude-code': 'Claude Code',
  codex: 'Codex',
  opencode: 'opencode',
  aider: 'Aider',
  cline: 'Cline',
  continue: 'Continue',
  vscode: 'VS Code (Copilot Chat)',
  zed: 'Zed',
  'open-webui': 'Open WebUI',
  librechat: 'LibreChat',
  n8n: 'n8n',
  llm: 'llm (simonw)',
  litellm: 'LiteLLM',
  'ai-sdk': 'AI SDK',
  openai: "OpenAI's SDKs",
  anthropic: "Anthropic's SDKs",
} as const

export type ClientName = keyof typeof clientTitles

export const clientNames = Object.keys(clientTitles) as ClientName[]

/** What people also call them. */
export const otherNames: Readonly<Record<string, ClientName>> = {
  claude: 'claude-code',
  cn: 'continue',
  code: 'vscode',
  copilot: 'vscode',
  'openai-sdk': 'openai',
  'anthropic-sdk': 'anthropic',
}
