// Editors and their extensions as clients: their settings, each as its own documentation says.
import { join } from 'node:path'
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
  shellWord,
  type Target,
  titleOf,
} from './instructions.ts'

/** Where editors keep their settings: each system has its own place, and some editors go by Linux's on macOS too. */
function settingsFolder({ platform, home, environment }: Surroundings, { likeLinux = false } = {}): string {
  if (platform === 'win32') return environment.APPDATA || join(home, 'AppData', 'Roaming')
  if (platform === 'darwin') return likeLinux ? join(home, '.config') : join(home, 'Library', 'Application Support')
  return environment.XDG_CONFIG_HOME || join(home, '.config')
}

const ownKey = `a key of this server, as \`claude-serve keys create <name> --scope chat\` shows it once`

export const cline: Client = {
  parts: (place) => [
    note(
      'For the command line, in a terminal:',
      'sh',
      [
        `cline auth -p openai -b ${shellWord(`${place.url}/v1`)}`,
        `-k ${shellKey(place)} -m ${shellWord(place.model)}`,
      ].join(' '),
    ),
    note(
      "For the extension, in Cline's settings:",
      'text',
      [
        'API Provider: OpenAI Compatible',
        `Base URL: ${place.url}/v1`,
        `API Key: ${keyFor(place, ownKey.replaceAll('`', ''))}`,
        `Model ID: ${place.model}`,
        `Context Window Size: ${contextTokens}`,
        `Max Output Tokens: ${outputTokens}`,
        'Supports Images: yes',
      ].join('\n'),
    ),
  ],
}

const continueModel = (place: Target, id: string) => ({
  name: `${titleOf(id)} (claude-serve)`,
  provider: 'openai',
  model: id,
  apiBase: `${place.url}/v1`,
  apiKey: keyFor(place, `\${{ secrets.${keyVariable} }}`),
  roles: ['chat', 'edit', 'apply', 'summarize'],
  capabilities: ['tool_use', 'image_input'],
  defaultCompletionOptions: { contextLength: contextTokens, maxTokens: outputTokens },
})

export const continueDev: Client = {
  parts: (place) => {
    const { home, environment } = place.surroundings
    const folder = environment.CONTINUE_GLOBAL_DIR || join(home, '.continue')
    const models = plainModels(place).map((id) => continueModel(place, id))
    const where = note(`The secret comes from the environment of \`cn\`, or from a line in \`~/.continue/.env\`.`)
    return [
      {
        kind: 'file',
        path: join(folder, 'config.yaml'),
        format: 'yaml',
        settings: { name: 'Local Config', version: '1.0.0', schema: 'v1', models },
        needsFolder: false,
      },
      ...(place.hasKeys ? [where] : []),
    ]
  },
}

const vscodeModel = (place: Target, id: string) => ({
  id,
  name: titleOf(id),
  url: `${place.url}/v1/chat/completions`,
  toolCalling: true,
  vision: true,
  maxInputTokens: contextTokens - outputTokens,
  maxOutputTokens: outputTokens,
})

export const vscode: Client = {
  parts: (place) => [
    {
      kind: 'file',
      path: join(settingsFolder(place.surroundings), 'Code', 'User', 'chatLanguageModels.json'),
      format: 'json',
      settings: [
        {
          name: 'claude-serve',
          vendor: 'customendpoint',
          apiType: 'chat-completions',
          ...(place.hasKeys ? {} : { apiKey: placeholder }),
          models: plainModels(place).map((id) => vscodeModel(place, id)),
        },
      ],
      needsFolder: true,
    },
    note(
      place.hasKeys
        ? `Then run "Chat: Manage Language Models", and give the group claude-serve its key: ${ownKey}.`
        : 'Then choose the model in the chat view; "Chat: Manage Language Models" shows what VS Code has found.',
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
  parts: (place) => {
    const { platform } = place.surroundings
    const name = platform === 'win32' ? 'Zed' : 'zed'
    const models = plainModels(place).map(zedModel)
    const provider = { 'claude-serve': { api_url: `${place.url}/v1`, available_models: models } }
    return [
      {
        kind: 'file',
        path: join(settingsFolder(place.surroundings, { likeLinux: true }), name, 'settings.json'),
        format: 'json',
        settings: { language_models: { openai_compatible: provider } },
        needsFolder: true,
      },
      note(
        `Zed uses no provider without a key. Give it one in the agent's settings, under LLM Providers, claude-serve: ` +
          `${place.hasKeys ? ownKey : `any word, such as \`${placeholder}\``}. Or start it with one:`,
        'sh',
        place.hasKeys ? `${keyVariable}="$${keyVariable}" zed` : `${keyVariable}=${placeholder} zed`,
      ),
    ]
  },
}
