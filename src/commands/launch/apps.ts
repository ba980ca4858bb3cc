// Chat applications, tools and gateways: their settings, each according to its own documentation.
import { join } from 'node:path'
import { stringify } from 'yaml'
import { shellWord } from '../../platform/installation.ts'
import type { Client } from './client.ts'
import {
  allModels,
  keyFor,
  keyVariable,
  note,
  plainModels,
  type Surroundings,
  shellKey,
  type Target,
} from './instructions.ts'

const ownKey = ({ call }: Target) => `a key of this server (${call} keys create <name> --scope agent)`

const yaml = (value: unknown) => stringify(value, { lineWidth: 0 }).trimEnd()

export const openWebui: Client = {
  parts: (target) => [
    note(
      'Under Admin Settings, Connections, OpenAI, Manage, add a connection:',
      'text',
      `URL: ${target.url}/v1\nAPI Key: ${keyFor(target, ownKey(target))}`,
    ),
    note(
      'Or, when you start it for the first time:',
      'sh',
      [
        `OPENAI_API_BASE_URL=${shellWord(`${target.url}/v1`)}`,
        `OPENAI_API_KEY=${shellKey(target)}`,
        'open-webui serve',
      ].join(' \\\n'),
    ),
  ],
}

export const librechat: Client = {
  parts: (target) => {
    const models = allModels(target)
    const endpoint = {
      name: 'claude-serve',
      apiKey: keyFor(target, `\${${keyVariable}}`),
      baseURL: `${target.url}/v1`,
      models: { default: models, fetch: true },
      titleConvo: true,
      titleModel: models.includes('haiku') ? 'haiku' : target.model,
      modelDisplayLabel: 'Claude',
    }
    const keyNote = note(`And in its \`.env\`, set ${keyVariable} to ${ownKey(target)}.`)
    return [
      note('In `librechat.yaml`:', 'yaml', yaml({ endpoints: { custom: [endpoint] } })),
      ...(target.hasKeys ? [keyNote] : []),
    ]
  },
}

export const n8n: Client = {
  parts: (target) => [
    note(
      'Create a credential of type OpenAI:',
      'text',
      `API Key: ${keyFor(target, ownKey(target))}\nBase URL: ${target.url}/v1`,
    ),
    note(
      'Select it in an "OpenAI Chat Model" node:',
      'text',
      `Model, by ID: ${target.model}\nUse Responses API: on or off`,
    ),
  ],
}

/** The folder that the Python library click, which llm uses, would choose. */
function llmFolder({ platform, home, environment }: Surroundings): string {
  const name = 'io.datasette.llm'
  if (environment.LLM_USER_PATH) return environment.LLM_USER_PATH
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', name)
  if (platform === 'win32') return join(environment.APPDATA || join(home, 'AppData', 'Roaming'), name)
  return join(environment.XDG_CONFIG_HOME || join(home, '.config'), name)
}

const llmModel = (target: Target, id: string) => ({
  model_id: `claude-serve/${id}`,
  model_name: id,
  api_base: `${target.url}/v1`,
  ...(target.hasKeys ? { api_key_name: 'claude-serve' } : {}),
  supports_tools: true,
  supports_schema: true,
  vision: true,
})

export const llm: Client = {
  parts: (target) => {
    const model = shellWord(`claude-serve/${target.model}`)
    const keys = target.hasKeys ? `llm keys set claude-serve --value ${shellKey(target)}\n` : ''
    return [
      {
        kind: 'file',
        path: join(llmFolder(target.surroundings), 'extra-openai-models.yaml'),
        format: 'yaml',
        settings: allModels(target).map((id) => llmModel(target, id)),
        needsFolder: false,
      },
      note('Then, in a terminal:', 'sh', `${keys}llm -m ${model} 'Say hello'`),
    ]
  },
}

const litellmModel = (target: Target, id: string) => ({
  model_name: id,
  litellm_params: {
    model: `openai/${id}`,
    api_base: `${target.url}/v1`,
    api_key: keyFor(target, `os.environ/${keyVariable}`),
  },
})

export const litellm: Client = {
  parts: (target) => [
    note(
      'For the proxy, in its `config.yaml`:',
      'yaml',
      yaml({ model_list: allModels(target).map((id) => litellmModel(target, id)) }),
    ),
    note(
      'In Python:',
      'python',
      [
        ...(target.hasKeys ? ['import os', ''] : []),
        'from litellm import completion',
        '',
        'answer = completion(',
        `    model=${JSON.stringify(`openai/${plainModels(target)[0]}`)},`,
        `    api_base=${JSON.stringify(`${target.url}/v1`)},`,
        `    api_key=${target.hasKeys ? `os.environ["${keyVariable}"]` : '"none"'},`,
        '    messages=[{"role": "user", "content": "Say hello"}],',
        ')',
        'print(answer.choices[0].message.content)',
      ].join('\n'),
    ),
  ],
}
