// Coding agents of the terminal as clients: their settings, and how they are started. Each is set up as its own documentation says.
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
  shellKey,
  shellWord,
  shortPath,
  type Target,
  titleOf,
} from './instructions.ts'

/** For a program that is started: the key itself, which it gets in its environment. */
const keyOf = ({ hasKeys, surroundings }: Target): string =>
  (hasKeys ? surroundings.environment[keyVariable] : undefined) ?? placeholder

const commandLine = (...words: string[]) => words.join(' \\\n')

export const claudeCode: Client = {
  parts: (place) => [
    note(
      'In a terminal:',
      'sh',
      commandLine(
        `ANTHROPIC_BASE_URL=${shellWord(place.url)}`,
        `ANTHROPIC_AUTH_TOKEN=${shellKey(place)}`,
        `claude --model ${shellWord(place.model)}`,
      ),
    ),
  ],
  start: (place) => ({
    program: 'claude',
    words: ['--model', place.model],
    environment: { ANTHROPIC_BASE_URL: place.url, ANTHROPIC_AUTH_TOKEN: keyOf(place) },
    // With any of these it would go elsewhere, or ask which of them to use.
    without: ['ANTHROPIC_API_KEY', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'],
    install: 'npm install -g @anthropic-ai/claude-code',
  }),
}

export const opencode: Client = {
  parts: (place) => {
    const { home, environment } = place.surroundings
    const limit = { context: contextTokens, output: outputTokens }
    const models = plainModels(place).map((id) => [id, { name: titleOf(id), attachment: true, tool_call: true, limit }])
    const provider = {
      npm: '@ai-sdk/openai-compatible',
      name: 'claude-serve',
      options: { baseURL: `${place.url}/v1`, apiKey: keyFor(place, `{env:${keyVariable}}`) },
      models: Object.fromEntries(models),
    }
    return [
      {
        kind: 'file',
        path: join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'opencode', 'opencode.json'),
        format: 'json',
        settings: { $schema: 'https://opencode.ai/config.json', provider: { 'claude-serve': provider } },
        needsFolder: false,
      },
      note('Then, in a terminal:', 'sh', `opencode --model ${shellWord(`claude-serve/${place.model}`)}`),
    ]
  },
  start: (place) => ({
    program: 'opencode',
    words: ['--model', `claude-serve/${place.model}`],
    environment: {},
    without: [],
    install: 'npm install -g opencode-ai',
  }),
}

export const aider: Client = {
  parts: (place) => [
    note(
      'In a terminal, in the folder of a project:',
      'sh',
      commandLine(
        `OPENAI_API_BASE=${shellWord(`${place.url}/v1`)}`,
        `OPENAI_API_KEY=${shellKey(place)}`,
        `aider --model ${shellWord(`openai/${place.model}`)} --no-show-model-warnings`,
      ),
    ),
  ],
  start: (place) => ({
    program: 'aider',
    words: ['--model', `openai/${place.model}`, '--no-show-model-warnings'],
    environment: { OPENAI_API_BASE: `${place.url}/v1`, OPENAI_API_KEY: keyOf(place) },
    without: [],
    install: 'python -m pip install aider-install && aider-install',
  }),
}

export const codex: Client = {
  parts: (place) => {
    const { home, environment } = place.surroundings
    const folder = environment.CODEX_HOME || join(home, '.codex')
    const lines = [
      ...assignments(codexSettings(place)),
      '',
      '[model_providers.claude-serve]',
      ...assignments(codexProvider(place)),
    ]
    return [
      note(`In a new file \`${shortPath(join(folder, 'claude-serve.config.toml'), home)}\`:`, 'toml', lines.join('\n')),
      note('Then, in a terminal:', 'sh', 'codex --profile claude-serve'),
    ]
  },
  // It takes every setting as a word too, so that no file of its own has to be touched.
  start: (place) => ({
    program: 'codex',
    words: [
      ...assignments(codexSettings(place), '='),
      ...assignments(codexProvider(place), '=').map((setting) => `model_providers.claude-serve.${setting}`),
    ].flatMap((setting) => ['-c', setting]),
    environment: {},
    without: [],
    install: 'npm install -g @openai/codex',
  }),
}

type Toml = Record<string, string | number>

const codexSettings = ({ model }: Target): Toml => ({
  model,
  model_provider: 'claude-serve',
  model_context_window: contextTokens,
})

const codexProvider = ({ url, hasKeys }: Target): Toml => ({
  name: 'claude-serve',
  base_url: `${url}/v1`,
  wire_api: 'responses',
  ...(hasKeys ? { env_key: keyVariable } : {}),
})

/** A string of TOML is written as one of JSON. */
const assignments = (settings: Toml, sign = ' = '): string[] =>
  Object.entries(settings).map(([name, value]) => `${name}${sign}${JSON.stringify(value)}`)
