// Editors and their extensions: their settings, each according to its own documentation.
import { join } from 'node:path'
import { shellWord } from '../../platform/installation.ts'
import type { Client } from './client.ts'
import {
  contextTokens,
  keyFor,
  keyVariable,
  note,
  outputTokens,
  placeholder,
  plainModels,
  type Surroundings,
  shellKey,
  type Target,
  titleOf,
} from './instructions.ts'

/** Where editors store their settings on each system. On macOS some editors use the same folder as on Linux. */
function settingsFolder({ platform, home, environment }: Surroundings, { likeLinux = false } = {}): string {
  if (platform === 'win32') return environment.APPDATA || join(home, 'AppData', 'Roaming')
  if (platform === 'darwin') return likeLinux ? join(home, '.config') : join(home, 'Library', 'Application Support')
  return environment.XDG_CONFIG_HOME || join(home, '.config')
}

const ownKey = ({ call }: Target) =>
  `a key of this server, which \`${call} keys create <name> --scope chat\` shows once`

export const cline: Client = {
  parts: (target) => [
    note(
      'For the command line, in a terminal:',
      'sh',
      [
        `cline auth -p openai -b ${shellWord(`${target.url}/v1`)}`,
        `-k ${shellKey(target)} -m ${shellWord(target.model)}`,
      ].join(' '),
    ),
    note(
      "For the extension, in Cline's settings:",
      'text',
      [
        'API Provider: OpenAI Compatible',
        `Base URL: ${target.url}/v1`,
        `API Key: ${keyFor(target, ownKey(target).replaceAll('`', ''))}`,
        `Model ID: ${target.model}`,
        `Context Window Size: ${contextTokens}`,
        `Max Output Tokens: ${outputTokens}`,
        'Supports Images: yes',
      ].join('\n'),
    ),
  ],
}

const continueModel = (target: Target, id: string) => ({
  name: `${titleOf(id)} (claude-serve)`,
  provider: 'openai',
  model: id,
  apiBase: `${target.url}/v1`,
  apiKey: keyFor(target, `\${{ secrets.${keyVariable} }}`),
  roles: ['chat', 'edit', 'apply', 'summarize'],
  capabilities: ['tool_use', 'image_input'],
  defaultCompletionOptions: { contextLength: contextTokens, maxTokens: outputTokens },
})

export const continueDev: Client = {
  parts: (target) => {
    const { home, environment } = target.surroundings
    const folder = environment.CONTINUE_GLOBAL_DIR || join(home, '.continue')
    const models = plainModels(target).map((id) => continueModel(target, id))
    const secretNote = note(`Set the secret in the environment of \`cn\`, or in a line of \`~/.continue/.env\`.`)
    return [
      {
        kind: 'file',
        path: join(folder, 'config.yaml'),
        format: 'yaml',
        settings: { name: 'Local Config', version: '1.0.0', schema: 'v1', models },
        needsFolder: false,
      },
      ...(target.hasKeys ? [secretNote] : []),
    ]
  },
}

const vscodeModel = (target: Target, id: string) => ({
  id,
  name: titleOf(id),
  url: `${target.url}/v1/chat/completions`,
  toolCalling: true,
  vision: true,
  maxInputTokens: contextTokens - outputTokens,
  maxOutputTokens: outputTokens,
})

export const vscode: Client = {
  parts: (target) => [
    {
      kind: 'file',
      path: join(settingsFolder(target.surroundings), 'Code', 'User', 'chatLanguageModels.json'),
      format: 'json',
      settings: [
        {
          name: 'claude-serve',
          vendor: 'customendpoint',
          apiType: 'chat-completions',
          ...(target.hasKeys ? {} : { apiKey: placeholder }),
          models: plainModels(target).map((id) => vscodeModel(target, id)),
        },
      ],
      needsFolder: true,
    },
    note(
      target.hasKeys
        ? `Then run "Chat: Manage Language Models" and enter the key of the group claude-serve: ${ownKey(target)}.`
        : 'Then select the model in the chat view. "Chat: Manage Language Models" shows which models VS Code found.',
    ),
  ],
}

const zedModel = (id: string) => ({
  name: id,
  display_name: titleOf(id),
  max_tokens: contextTokens,
  max_output_tokens: outputTokens,
  capabilities: { tools: true, images: true, parallel_tool_calls: true, prompt_cache_key: false },
})

export const zed: Client = {
  parts: (target) => {
    const { platform } = target.surroundings
    const name = platform === 'win32' ? 'Zed' : 'zed'
    const models = plainModels(target).map(zedModel)
    const provider = { 'claude-serve': { api_url: `${target.url}/v1`, available_models: models } }
    return [
      {
        kind: 'file',
        path: join(settingsFolder(target.surroundings, { likeLinux: true }), name, 'settings.json'),
        format: 'json',
        settings: { language_models: { openai_compatible: provider } },
        needsFolder: true,
      },
      note(
        `Zed ignores a provider without a key. Enter one in the agent's settings, under LLM Providers, claude-serve: ` +
          `${target.hasKeys ? ownKey(target) : `any word, such as \`${placeholder}\``}. Or start Zed with one:`,
        'sh',
        target.hasKeys ? `${keyVariable}="$${keyVariable}" zed` : `${keyVariable}=${placeholder} zed`,
      ),
    ]
  },
}
