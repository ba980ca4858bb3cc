// Coding agents for the terminal: their settings and how to start them. Each setup follows the agent's own documentation.
import { join } from 'node:path'
import { shellWord } from '../terminal-text.ts'
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
  shortPath,
  type Target,
  titleOf,
} from './instructions.ts'

/** The key itself, for the environment of a program that launch starts. */
const keyOf = ({ hasKeys, surroundings }: Target): string =>
  (hasKeys ? surroundings.environment[keyVariable] : undefined) ?? placeholder

const commandLine = (...parts: string[]) => parts.join(' \\\n')

export const claudeCode: Client = {
  parts: (target) => [
    note(
      'In a terminal:',
      'sh',
      commandLine(
        `ANTHROPIC_BASE_URL=${shellWord(target.url)}`,
        `ANTHROPIC_AUTH_TOKEN=${shellKey(target)}`,
        `claude --model ${shellWord(target.model)}`,
      ),
    ),
  ],
  start: (target) => ({
    program: 'claude',
    args: ['--model', target.model],
    environment: { ANTHROPIC_BASE_URL: target.url, ANTHROPIC_AUTH_TOKEN: keyOf(target) },
    // Any of these would send it elsewhere, or make it prompt for which to use.
    without: ['ANTHROPIC_API_KEY', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'],
    install: 'npm install -g @anthropic-ai/claude-code',
  }),
}

export const opencode: Client = {
  parts: (target) => {
    const { home, environment } = target.surroundings
    const limit = { context: contextTokens, output: outputTokens }
    const models = plainModels(target).map((id) => [
      id,
      { name: titleOf(id), attachment: true, tool_call: true, limit },
    ])
    const provider = {
      npm: '@ai-sdk/openai-compatible',
      name: 'claude-serve',
      options: { baseURL: `${target.url}/v1`, apiKey: keyFor(target, `{env:${keyVariable}}`) },
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
      note('Then, in a terminal:', 'sh', `opencode --model ${shellWord(`claude-serve/${target.model}`)}`),
    ]
  },
  start: (target) => ({
    program: 'opencode',
    args: ['--model', `claude-serve/${target.model}`],
    environment: {},
    without: [],
    install: 'npm install -g opencode-ai',
  }),
}

export const aider: Client = {
  parts: (target) => [
    note(
      "In a terminal, in your project's folder:",
      'sh',
      commandLine(
        `OPENAI_API_BASE=${shellWord(`${target.url}/v1`)}`,
        `OPENAI_API_KEY=${shellKey(target)}`,
        `aider --model ${shellWord(`openai/${target.model}`)} --no-show-model-warnings`,
      ),
    ),
  ],
  start: (target) => ({
    program: 'aider',
    args: ['--model', `openai/${target.model}`, '--no-show-model-warnings'],
    environment: { OPENAI_API_BASE: `${target.url}/v1`, OPENAI_API_KEY: keyOf(target) },
    without: [],
    install: 'python -m pip install aider-install && aider-install',
  }),
}

export const qwenCode: Client = {
  parts: (target) => [
    note(
      "In a terminal, in your project's folder:",
      'sh',
      commandLine(
        `OPENAI_BASE_URL=${shellWord(`${target.url}/v1`)}`,
        `OPENAI_API_KEY=${shellKey(target)}`,
        `OPENAI_MODEL=${shellWord(target.model)}`,
        'qwen --auth-type openai',
      ),
    ),
  ],
  start: (target) => ({
    program: 'qwen',
    args: ['--auth-type', 'openai'],
    environment: {
      OPENAI_BASE_URL: `${target.url}/v1`,
      OPENAI_API_KEY: keyOf(target),
      OPENAI_MODEL: target.model,
    },
    without: [],
    install: 'npm install -g @qwen-code/qwen-code',
  }),
}

export const pi: Client = {
  parts: (target) => {
    const models = plainModels(target).map((id) => ({ id, input: ['text', 'image'], contextWindow: contextTokens }))
    const provider = {
      baseUrl: `${target.url}/v1`,
      api: 'openai-completions',
      apiKey: keyFor(target, `$${keyVariable}`),
      models,
    }
    return [
      {
        kind: 'file',
        path: join(target.surroundings.home, '.pi', 'agent', 'models.json'),
        format: 'json',
        settings: { providers: { 'claude-serve': provider } },
        needsFolder: false,
      },
      note('Then, in a terminal:', 'sh', `pi --model ${shellWord(`claude-serve/${target.model}`)}`),
    ]
  },
  start: (target) => ({
    program: 'pi',
    args: ['--model', `claude-serve/${target.model}`],
    environment: {},
    without: [],
    install: 'npm install -g @earendil-works/pi-coding-agent',
  }),
}

export const copilotCli: Client = {
  parts: (target) => [
    note(
      "In a terminal, in your project's folder:",
      'sh',
      commandLine(
        `COPILOT_PROVIDER_BASE_URL=${shellWord(`${target.url}/v1`)}`,
        `COPILOT_PROVIDER_API_KEY=${shellKey(target)}`,
        `COPILOT_MODEL=${shellWord(target.model)}`,
        'copilot',
      ),
    ),
  ],
  start: (target) => ({
    program: 'copilot',
    args: [],
    environment: {
      COPILOT_PROVIDER_BASE_URL: `${target.url}/v1`,
      COPILOT_PROVIDER_API_KEY: keyOf(target),
      COPILOT_MODEL: target.model,
    },
    // Another type of provider would speak to it in another way.
    without: ['COPILOT_PROVIDER_TYPE'],
    install: 'npm install -g @github/copilot',
  }),
}

export const codex: Client = {
  parts: (target) => {
    const { home, environment } = target.surroundings
    const folder = environment.CODEX_HOME || join(home, '.codex')
    const lines = [
      ...assignments(codexSettings(target)),
      '',
      '[model_providers.claude-serve]',
      ...assignments(codexProvider(target)),
    ]
    return [
      note(`Create \`${shortPath(join(folder, 'claude-serve.config.toml'), home)}\`:`, 'toml', lines.join('\n')),
      note('Then, in a terminal:', 'sh', 'codex --profile claude-serve'),
    ]
  },
  // Codex also accepts every setting as an argument, so launch need not touch its files.
  start: (target) => ({
    program: 'codex',
    args: [
      ...assignments(codexSettings(target), '='),
      ...assignments(codexProvider(target), '=').map((setting) => `model_providers.claude-serve.${setting}`),
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

/** A JSON string is also a TOML string. */
const assignments = (settings: Toml, sign = ' = '): string[] =>
  Object.entries(settings).map(([name, value]) => `${name}${sign}${JSON.stringify(value)}`)
