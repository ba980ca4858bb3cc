// Chat programs, tools and gateways as clients: their settings, each as its own documentation says.
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Client } from './client.ts'
import {
  allModels,
  keyFor,
  keyVariable,
  note,
  plainModels,
  type Surroundings,
  shellKey,
  shellWord,
  type Target,
} from './instructions.ts'

const ownKey = 'a key of this server (claude-serve keys create <name> --scope agent)'

const yaml = (value: unknown) => stringify(value, { lineWidth: 0 }).trimEnd()

export const openWebui: Client = {
  parts: (place) => [
    note(
      'Under Admin Settings, Connections, OpenAI, Manage, a new connection:',
      'text',
      `URL: ${place.url}/v1\nAPI Key: ${keyFor(place, ownKey)}`,
    ),
    note(
      'Or, where it is started for the first time:',
      'sh',
      [
        `OPENAI_API_BASE_URL=${shellWord(`${place.url}/v1`)}`,
        `OPENAI_API_KEY=${shellKey(place)}`,
        'open-webui serve',
      ].join(' \\\n'),
    ),
  ],
}

export const librechat: Client = {
  parts: (place) => {
    const models = allModels(place)
    const endpoint = {
      name: 'claude-serve',
      apiKey: keyFor(place, `\${${keyVariable}}`),
      baseURL: `${place.url}/v1`,
      models: { default: models, fetch: true },
      titleConvo: true,
      titleModel: models.includes('haiku') ? 'haiku' : place.model,
      modelDisplayLabel: 'Claude',
    }
    const where = note(`And in its \`.env\`, ${keyVariable}= with ${ownKey}.`)
    return [
      note('In `librechat.yaml`:', 'yaml', yaml({ endpoints: { custom: [endpoint] } })),
      ...(place.hasKeys ? [where] : []),
    ]
  },
}

export const n8n: Client = {
  parts: (place) => [
    note(
      'A new credential of the type OpenAI:',
      'text',
      `API Key: ${keyFor(place, ownKey)}\nBase URL: ${place.url}/v1`,
    ),
    note(
      'With it, in a node "OpenAI Chat Model":',
      'text',
      `Model, by ID: ${place.model}\nUse Responses API: on or off`,
    ),
  ],
}

/** As the Python library that it asks for this finds it. */
function llmFolder({ platform, home, environment }: Surroundings): string {
  const name = 'io.datasette.llm'
  if (environment.LLM_USER_PATH) return environment.LLM_USER_PATH
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', name)
  if (platform === 'win32') return join(environment.APPDATA || join(home, 'AppData', 'Roaming'), name)
  return join(environment.XDG_CONFIG_HOME || join(home, '.config'), name)
}

const llmModel = (place: Target, id: string) => ({
  model_id: `claude-serve/${id}`,
  model_name: id,
  api_base: `${place.url}/v1`,
  ...(place.hasKeys ? { api_key_name: 'claude-serve' } : {}),
  supports_tools: true,
  supports_schema: true,
  vision: true,
})

export const llm: Client = {
  parts: (place) => {
    const model = shellWord(`claude-serve/${place.model}`)
    const keys = place.hasKeys ? `llm keys set claude-serve --value ${shellKey(place)}\n` : ''
    return [
      {
        kind: 'file',
        path: join(llmFolder(place.surroundings), 'extra-openai-models.yaml'),
        format: 'yaml',
        settings: allModels(place).map((id) => llmModel(place, id)),
        needsFolder: false,
      },
      note('Then, in a terminal:', 'sh', `${keys}llm -m ${model} 'Say hello'`),
    ]
  },
}

const litellmModel = (place: Target, id: string) => ({
  model_name: id,
  litellm_params: {
    model: `openai/${id}`,
    api_base: `${place.url}/v1`,
    api_key: keyFor(place, `os.environ/${keyVariable}`),
  },
})

export const litellm: Client = {
  parts: (place) => [
    note(
      'For the proxy, in its `config.yaml`:',
      'yaml',
      yaml({ model_list: allModels(place).map((id) => litellmModel(place, id)) }),
    ),
    note(
      'In Python:',
      'python',
      [
        ...(place.hasKeys ? ['import os', ''] : []),
        'from litellm import completion',
        '',
        'answer = completion(',
        `    model=${JSON.stringify(`openai/${plainModels(place)[0]}`)},`,
        `    api_base=${JSON.stringify(`${place.url}/v1`)},`,
        `    api_key=${place.hasKeys ? `os.environ["${keyVariable}"]` : '"none"'},`,
        '    messages=[{"role": "user", "content": "Say hello"}],',
        ')',
        'print(answer.choices[0].message.content)',
      ].join('\n'),
    ),
  ],
}
