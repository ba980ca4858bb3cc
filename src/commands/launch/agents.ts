// Coding agents for the terminal: their settings and how to start them. Each setup follows the agent's own documentation.
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
  shellKey,
  shortPath,
  type Target,
  titleOf,
} from './instructions.ts'

/** The key itself, for the environment of a program that launch starts. */
const keyOf = ({ hasKeys, surroundings }: Target): string =>
  (hasKeys ? surroundings.environment[keyVariable] : undefined) ?? placeholder

/** An agent that takes the server's address, its key and the model from variables. Absent: it has none for that. */
type ByVariables = {
  intro?: string
  program: string
  args?: (target: Target) => string[]
  /** Names of variables. */
  url: string
  key: string
  model?: string
  /** What the address ends in. */
  urlEnd: '' | '/v1'
  without?: string[]
  install: string
}

/** What is shown and what is started are made of the same variables. */
function byVariables(agent: ByVariables): Client {
  const { intro = "In a terminal, in your project's folder:", program, args = () => [], without = [], install } = agent
  const variables = (target: Target, key: string, quote: (text: string) => string) => ({
    [agent.url]: quote(`${target.url}${agent.urlEnd}`),
    [agent.key]: key,
    ...(agent.model === undefined ? {} : { [agent.model]: quote(target.model) }),
  })
  const shown = (target: Target) =>
    Object.entries(variables(target, shellKey(target), shellWord)).map(([name, value]) => `${name}=${value}`)
  const command = (target: Target) => [program, ...args(target).map(shellWord)].join(' ')
  return {
    parts: (target) => [note(intro, 'sh', [...shown(target), command(target)].join(' \\\n'))],
    start: (target) => ({
      program,
      args: args(target),
      environment: variables(target, keyOf(target), (text) => text),
      without,
      install,
    }),
  }
}

export const claudeCode = byVariables({
  intro: 'In a terminal:',
  program: 'claude',
  args: ({ model }) => ['--model', model],
  url: 'ANTHROPIC_BASE_URL',
  urlEnd: '',
  key: 'ANTHROPIC_AUTH_TOKEN',
  // Any of these would send it elsewhere, or make it prompt for which to use.
  without: ['ANTHROPIC_API_KEY', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'],
  install: 'npm install -g @anthropic-ai/claude-code',
})

export const aider = byVariables({
  program: 'aider',
  args: ({ model }) => ['--model', `openai/${model}`, '--no-show-model-warnings'],
  url: 'OPENAI_API_BASE',
  urlEnd: '/v1',
  key: 'OPENAI_API_KEY',
  install: 'python -m pip install aider-install && aider-install',
})

export const qwenCode = byVariables({
  program: 'qwen',
  args: () => ['--auth-type', 'openai'],
  url: 'OPENAI_BASE_URL',
  urlEnd: '/v1',
  key: 'OPENAI_API_KEY',
  model: 'OPENAI_MODEL',
  install: 'npm install -g @qwen-code/qwen-code',
})

export const copilotCli = byVariables({
  program: 'copilot',
  url: 'COPILOT_PROVIDER_BASE_URL',
  urlEnd: '/v1',
  key: 'COPILOT_PROVIDER_API_KEY',
  model: 'COPILOT_MODEL',
  // Another type of provider would speak to it in another way.
  without: ['COPILOT_PROVIDER_TYPE'],
  install: 'npm install -g @github/copilot',
})

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
