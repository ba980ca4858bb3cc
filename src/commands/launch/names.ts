// The clients that `launch` supports, by the names that the user types. Loaded on every start, for help and completion; everything else
// about the clients is in clients.ts.

export const clientTitles = {
  'claude-code': 'Claude Code',
  codex: 'Codex',
  opencode: 'opencode',
  aider: 'Aider',
  'qwen-code': 'Qwen Code',
  pi: 'pi',
  'copilot-cli': 'GitHub Copilot CLI',
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

/** Aliases. */
export const otherNames: Readonly<Record<string, ClientName>> = {
  claude: 'claude-code',
  cn: 'continue',
  code: 'vscode',
  copilot: 'vscode',
  qwen: 'qwen-code',
  'openai-sdk': 'openai',
  'anthropic-sdk': 'anthropic',
}
