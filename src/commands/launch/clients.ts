// The table of clients: the settings of each, and how to start those that are terminal programs.
import { aider, claudeCode, codex, copilotCli, opencode, pi, qwenCode } from './agents.ts'
import { librechat, litellm, llm, n8n, openWebui } from './apps.ts'
import type { Client } from './client.ts'
import { cline, continueDev, vscode, zed } from './editors.ts'
import type { ClientName } from './names.ts'
import { sdks } from './sdks.ts'

export const clients: Readonly<Record<ClientName, Client>> = {
  'claude-code': claudeCode,
  codex,
  opencode,
  aider,
  'qwen-code': qwenCode,
  pi,
  'copilot-cli': copilotCli,
  cline,
  continue: continueDev,
  vscode,
  zed,
  'open-webui': openWebui,
  librechat,
  n8n,
  llm,
  litellm,
  ...sdks,
}
