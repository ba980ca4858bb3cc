// Examples of requests and answers. A test sends each request to a server with the demo model, with real ids and folders in place of the
// sample ones.
import { ApprovalParams } from '../../src/surfaces/native/run-schemas.ts'
import { SessionParams } from '../../src/surfaces/native/session-schemas.ts'
import { ItemParams } from '../../src/surfaces/openai/conversations/schemas.ts'
import { ResponseParams } from '../../src/surfaces/openai/responses/schemas.ts'

type Example = { summary: string; value: unknown; status?: number }
export type Examples = Record<string, Example>

/** The sample ids of the parameters. */
export const [sampleRun, sampleRequest, sampleSession, sampleResponse, sampleConversation, sampleItem] = [
  ApprovalParams.shape.id,
  ApprovalParams.shape.request_id,
  SessionParams.shape.id,
  ResponseParams.shape.id,
  ItemParams.shape.id,
  ItemParams.shape.item_id,
].map((id) => String(id.meta()?.example)) as [string, string, string, string, string, string]

export const sampleFolder = '/home/ann/project'

/** The name of examples that continue something, as published. */
const continued = 'goOn'

/** An image of one pixel. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

const city = {
  type: 'object',
  properties: { name: { type: 'string' }, country: { type: 'string' } },
  required: ['name', 'country'],
  additionalProperties: false,
}

const weather = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
}

const chat: Examples = {
  short: { summary: 'A prompt', value: { prompt: 'Say hello' } },
  [continued]: { summary: 'Continuing a conversation', value: { prompt: 'And in French?', session_id: sampleSession } },
  folder: {
    summary: 'In a folder, with some tools',
    value: {
      prompt: 'What is this project for?',
      cwd: sampleFolder,
      allowed_tools: ['Read', 'Bash(ls *)'],
      max_turns: 5,
    },
  },
  alone: {
    summary: 'The model without tools, with your own system prompt',
    value: { prompt: 'Say hello', system_prompt: 'You answer in French.', tools: [], model: 'sonnet' },
  },
  structured: {
    summary: 'An answer that matches a JSON Schema',
    value: { prompt: 'Name a city and its country', json_schema: city },
  },
  picture: {
    summary: 'With an image',
    value: {
      prompt: [
        { type: 'text', text: 'What is in this picture?' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
      ],
    },
  },
}

const background: Examples = {
  background: {
    summary: 'In the background',
    value: { prompt: 'Say hello', background: true, metadata: { ticket: '42' } },
    status: 202,
  },
}

const stream: Examples = {
  short: { summary: 'A prompt', value: { prompt: 'Say hello' } },
  full: { summary: 'With thinking, tools and more', value: { prompt: 'Think of a number', events: 'full' } },
}

const hello = { role: 'user', content: 'Say hello' }

export const sampleFile = 'file-5c1e9a7b3d2f4860b4a6d8e0'

/** Bodies of requests, by the operation. */
export const requestExamples: Record<string, Examples> = {
  chat: { ...chat, ...background },
  chatStream: stream,
  answerPermission: {
    allow: { summary: 'Yes', value: { behavior: 'allow' } },
    remember: { summary: 'Allow, now and next time', value: { behavior: 'allow', remember: true } },
    deny: { summary: 'Deny, with a reason', value: { behavior: 'deny', message: 'Not here: use /tmp.' } },
  },
  answerQuestion: {
    label: { summary: 'One of the options', value: { answers: { 'Which color should the demo be?': 'Blue' } } },
    words: {
      summary: 'Your own words',
      value: { answers: { 'Which color should the demo be?': 'Green, please' } },
    },
  },
  cancelRun: { plain: { summary: 'No fields', value: {} } },
  deleteSession: { plain: { summary: 'No fields', value: {} } },
  renameSession: { title: { summary: 'A title', value: { title: 'Greetings' } } },
  forkSession: {
    plain: { summary: 'A copy', value: {} },
    titled: { summary: 'A copy with a title', value: { title: 'Another try' } },
  },
  login: { plain: { summary: 'No fields', value: {} } },
  sendMcpMessage: {
    initialize: {
      summary: 'Opening a session',
      value: {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'example', version: '1' },
        },
      },
    },
    call: {
      summary: 'Calling a tool, without a session',
      value: {
        jsonrpc: '2.0',
        id: 2,
        method: 'tools/call',
        params: { name: 'ask', arguments: { prompt: 'Say hello' } },
      },
    },
  },
  endMcpSession: { plain: { summary: 'No fields', value: {} } },
  createChatCompletion: {
    short: { summary: 'A prompt', value: { model: 'sonnet', messages: [hello] } },
    stream: {
      summary: 'As a stream',
      value: { model: 'sonnet', messages: [hello], stream: true, stream_options: { include_usage: true } },
    },
    agent: { summary: 'Claude Code itself', value: { model: 'agent/sonnet', messages: [hello] } },
    tools: {
      summary: 'With your own tool',
      value: {
        model: 'sonnet',
        messages: [{ role: 'user', content: 'Call a tool for the weather in Rome' }],
        tools: [{ type: 'function', function: { name: 'get_weather', parameters: weather } }],
      },
    },
    structured: {
      summary: 'An answer that matches a JSON Schema',
      value: {
        model: 'sonnet',
        messages: [{ role: 'user', content: 'Name a city and its country' }],
        response_format: { type: 'json_schema', json_schema: { name: 'city', schema: city } },
      },
    },
    picture: {
      summary: 'With an image',
      value: {
        model: 'sonnet',
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is in this picture?' },
              { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
            ],
          },
        ],
      },
    },
  },
  createResponse: {
    short: { summary: 'A prompt', value: { model: 'sonnet', input: 'Say hello' } },
    stream: { summary: 'As a stream', value: { model: 'sonnet', input: 'Say hello', stream: true } },
    [continued]: {
      summary: 'Continuing from a stored response',
      value: { model: 'sonnet', input: 'And in French?', previous_response_id: sampleResponse },
    },
    background: { summary: 'In the background', value: { model: 'sonnet', input: 'Say hello', background: true } },
    agent: { summary: 'Claude Code itself', value: { model: 'agent/sonnet', input: 'Say hello' } },
    tools: {
      summary: 'With your own tool',
      value: {
        model: 'sonnet',
        input: 'Call a tool for the weather in Rome',
        tools: [{ type: 'function', name: 'get_weather', parameters: weather, strict: false }],
      },
    },
    structured: {
      summary: 'An answer that matches a JSON Schema',
      value: {
        model: 'sonnet',
        input: 'Name a city and its country',
        text: { format: { type: 'json_schema', name: 'city', schema: city } },
      },
    },
    picture: {
      summary: 'With an image',
      value: {
        model: 'sonnet',
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: 'What is in this picture?' },
              { type: 'input_image', image_url: `data:image/png;base64,${png}` },
            ],
          },
        ],
      },
    },
  },
  deleteResponse: { plain: { summary: 'No fields', value: {} } },
  cancelResponse: { plain: { summary: 'No fields', value: {} } },
  createBatch: {
    chat: {
      summary: 'The requests of a file',
      value: { input_file_id: sampleFile, endpoint: '/v1/chat/completions', completion_window: '24h' },
    },
  },
  cancelBatch: { plain: { summary: 'No fields', value: {} } },
  deleteFile: { plain: { summary: 'No fields', value: {} } },
  createMessageBatch: {
    one: {
      summary: 'One request',
      value: {
        requests: [
          {
            custom_id: 'first',
            params: { model: 'sonnet', max_tokens: 1024, messages: [{ role: 'user', content: 'Say hello' }] },
          },
        ],
      },
    },
  },
  cancelMessageBatch: { plain: { summary: 'No fields', value: {} } },
  deleteMessageBatch: { plain: { summary: 'No fields', value: {} } },
  createConversation: {
    empty: { summary: 'Empty', value: {} },
    items: {
      summary: 'With metadata and a first item',
      value: { metadata: { topic: 'greetings' }, items: [{ role: 'user', content: 'Say hello' }] },
    },
  },
  updateConversation: { topic: { summary: 'Other metadata', value: { metadata: { topic: 'farewells' } } } },
  deleteConversation: { plain: { summary: 'No fields', value: {} } },
  deleteConversationItem: { plain: { summary: 'No fields', value: {} } },
  createConversationItems: {
    one: { summary: 'One item', value: { items: [{ role: 'user', content: 'Say hello' }] } },
  },
  compactResponse: {
    short: {
      summary: 'A conversation',
      value: {
        model: 'sonnet',
        input: [
          { role: 'user', content: 'Say hello' },
          { role: 'assistant', content: 'Hello!' },
        ],
      },
    },
  },
  countResponseTokens: { short: { summary: 'A prompt', value: { model: 'sonnet', input: 'Say hello' } } },
  createMessage: {
    short: { summary: 'A prompt', value: { model: 'sonnet', max_tokens: 1024, messages: [hello] } },
    stream: { summary: 'As a stream', value: { model: 'sonnet', max_tokens: 1024, messages: [hello], stream: true } },
    agent: { summary: 'Claude Code itself', value: { model: 'agent/sonnet', max_tokens: 1024, messages: [hello] } },
    tools: {
      summary: 'With your own tool',
      value: {
        model: 'sonnet',
        max_tokens: 1024,
        messages: [{ role: 'user', content: 'Call a tool for the weather in Rome' }],
        tools: [{ name: 'get_weather', description: 'The weather in a city.', input_schema: weather }],
      },
    },
    system: {
      summary: 'With a system prompt and an earlier answer',
      value: {
        model: 'sonnet',
        max_tokens: 1024,
        system: 'You answer in French.',
        messages: [hello, { role: 'assistant', content: 'Bonjour !' }, { role: 'user', content: 'Once more' }],
      },
    },
  },
  countTokens: { short: { summary: 'A prompt', value: { model: 'sonnet', messages: [hello] } } },
  ollamaChat: {
    stream: { summary: 'A prompt', value: { model: 'sonnet', messages: [hello] } },
    short: { summary: 'Not as a stream', value: { model: 'sonnet', messages: [hello], stream: false } },
    load: { summary: 'Without messages: is the model there?', value: { model: 'sonnet' } },
  },
  ollamaGenerate: {
    stream: { summary: 'A prompt', value: { model: 'sonnet', prompt: 'Say hello' } },
    short: { summary: 'Not as a stream', value: { model: 'sonnet', prompt: 'Say hello', stream: false } },
  },
  ollamaShow: { plain: { summary: 'A model', value: { model: 'sonnet' } } },
}

const usage = {
  input_tokens: 12,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 14_031,
  output_tokens: 9,
}

const quota = {
  windows: [
    { name: 'five_hour', utilization: 0.42, status: 'allowed', resets_at: '2026-11-22T15:00:00.000Z' },
    { name: 'seven_day', utilization: 0.17, status: 'allowed', resets_at: '2026-11-26T09:00:00.000Z' },
  ],
  overage: { status: 'rejected', in_use: false, reason: 'org_level_disabled', resets_at: null },
  as_of: '2026-11-22T12:00:00.000Z',
}

const chatReply = {
  result: 'Hello! What shall we do today?',
  session_id: sampleSession,
  cost_usd: 0.0124,
  cost_is_estimated: false,
  usage,
  model: 'claude-sonnet-5',
  run_id: sampleRun,
  num_turns: 1,
  duration_ms: 912,
  stop_reason: 'end_turn',
  structured_output: null,
  mcp_servers: [],
  compactions: 0,
  permission_denials: [],
}

const run = {
  id: sampleRun,
  surface: 'native',
  status: 'succeeded',
  session_id: sampleSession,
  model: 'claude-sonnet-5',
  cwd: sampleFolder,
  background: true,
  metadata: { ticket: '42' },
  created_at: '2026-11-22T10:00:00.000Z',
  started_at: '2026-11-22T10:00:00.004Z',
  ended_at: '2026-11-22T10:00:00.912Z',
  pending: [],
  result: chatReply.result,
  structured_output: null,
  cost_usd: 0.0124,
  usage,
  num_turns: 1,
  duration_ms: 912,
  stop_reason: 'end_turn',
  error: null,
}

const going = {
  ...run,
  ended_at: null,
  result: null,
  cost_usd: null,
  usage: null,
  num_turns: null,
  duration_ms: null,
  stop_reason: null,
}

const waiting = {
  ...going,
  status: 'waiting',
  pending: [
    {
      type: 'permission_request',
      request_id: sampleRequest,
      tool_name: 'Write',
      tool_use_id: 'toolu_01',
      input: { file_path: `${sampleFolder}/hello.txt`, content: 'hello' },
      description: null,
      blocked_path: null,
      suggestions: [],
    },
  ],
}

const sums = {
  runs: 3,
  input_tokens: 36,
  output_tokens: 27,
  cache_read_input_tokens: 42_093,
  cache_creation_input_tokens: 0,
  cache_read_share: 0.9991,
  cost_usd: 0.0372,
}

const summary = {
  session_id: sampleSession,
  title: 'Greetings',
  first_prompt: 'Say hello',
  cwd: sampleFolder,
  created_at: '2026-11-22T10:00:00.000Z',
  updated_at: '2026-11-22T10:05:00.000Z',
  model: 'claude-sonnet-5',
  running: null,
}

const { cost_usd: costUsd, ...sessionUsage } = sums
const session = {
  ...summary,
  cost_usd: costUsd,
  cost_is_estimated: false,
  usage: sessionUsage,
  compactions: 0,
  resume_command: `cd '${sampleFolder}' && claude --resume ${sampleSession}`,
}

const response = {
  id: sampleResponse,
  object: 'response',
  created_at: 1_795_341_600,
  background: false,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  model: 'claude-sonnet-5',
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: 'default',
  store: true,
  temperature: 1,
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  text: { format: { type: 'text' }, verbosity: 'medium' },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  truncation: 'disabled',
  metadata: {},
  access_programs: null,
  status: 'completed',
  output: [
    {
      type: 'message',
      id: `${sampleResponse.replace('resp', 'msg')}_0`,
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Hello!', annotations: [], logprobs: [] }],
    },
  ],
  error: null,
  incomplete_details: null,
  completed_at: 1_795_341_601,
  usage: {
    input_tokens: 297,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: 3,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 300,
  },
}

const conversation = {
  id: sampleConversation,
  object: 'conversation',
  created_at: 1_795_341_600,
  metadata: { topic: 'greetings' },
}
const conversationItem = {
  role: 'user',
  content: [{ type: 'input_text', text: 'Say hello' }],
  type: 'message',
  status: 'completed',
  id: sampleItem,
}
const itemList = {
  object: 'list',
  data: [conversationItem],
  first_id: sampleItem,
  last_id: sampleItem,
  has_more: false,
}

const file = {
  id: sampleFile,
  object: 'file',
  bytes: 1204,
  created_at: 1_795_341_600,
  expires_at: 1_797_933_600,
  filename: 'requests.jsonl',
  purpose: 'batch',
  status: 'processed',
}
export const sampleBatch = 'batch_5c1e9a7b3d2f4860b4a6d8e0f2c4a6b8'
const batch = {
  id: sampleBatch,
  object: 'batch',
  endpoint: '/v1/chat/completions',
  errors: null,
  input_file_id: sampleFile,
  completion_window: '24h',
  status: 'completed',
  output_file_id: `${sampleBatch.replace('batch_', 'file-')}-output`,
  error_file_id: null,
  created_at: 1_795_341_600,
  in_progress_at: 1_795_341_600,
  expires_at: 1_795_428_000,
  finalizing_at: 1_795_341_642,
  completed_at: 1_795_341_642,
  failed_at: null,
  expired_at: null,
  cancelling_at: null,
  cancelled_at: null,
  request_counts: { total: 8, completed: 8, failed: 0 },
  metadata: null,
}
export const sampleMessageBatch = 'msgbatch_0b1c2d3e4f5a69788796a5b4c3d2e1f0'
const messageBatch = {
  id: sampleMessageBatch,
  type: 'message_batch',
  processing_status: 'ended',
  request_counts: { processing: 0, succeeded: 8, errored: 0, canceled: 0, expired: 0 },
  created_at: '2026-11-22T10:00:00.000Z',
  expires_at: '2026-11-23T10:00:00.000Z',
  ended_at: '2026-11-22T10:00:42.000Z',
  cancel_initiated_at: null,
  archived_at: null,
  results_url: `http://127.0.0.1:5005/v1/messages/batches/${sampleMessageBatch}/results`,
}

const openaiModel = { id: 'sonnet', object: 'model', created: 0, owned_by: 'anthropic' }
const anthropicModel = {
  type: 'model',
  id: 'sonnet',
  display_name: 'Sonnet',
  created_at: '1970-01-01T00:00:00Z',
  lifecycle: 'active',
  line: 'sonnet',
  capabilities: null,
  max_input_tokens: null,
  max_tokens: null,
  deprecated_at: null,
  retires_at: null,
}

const one = (summary: string, value: unknown): Examples => ({ usual: { summary, value } })

/** Answers by operation and status; streams event by event. */
export const answerExamples: Record<string, Examples> = {
  'chat 200': one('An answer', chatReply),
  'chat 202': one('A run that has started', { ...going, status: 'running' }),
  'chatStream 200': {
    start: {
      summary: 'First',
      value: { type: 'start', session_id: sampleSession, model: 'claude-sonnet-5', run_id: sampleRun },
    },
    delta: { summary: 'Then, many times', value: { type: 'delta', text: 'Hello!' } },
    done: { summary: 'Last', value: { type: 'done', ...chatReply } },
    error: {
      summary: 'Or an error',
      value: {
        type: 'error',
        error: 'Request timed out',
        code: 'timeout',
        request_id: 'req_6f1d0c2b9a8e4d7f8b3a5c1e',
        details: { run_id: sampleRun, timeout_s: 300 },
      },
    },
  },
  'getRun 200': {
    ended: { summary: 'It has ended', value: run },
    waiting: { summary: 'It is waiting for an answer', value: waiting },
  },
  'listRuns 200': one('A page', { runs: [run], next_cursor: null }),
  'getUsage 200': one('By day', {
    from: '2026-10-23T10:00:00.000Z',
    to: '2026-11-22T10:00:00.000Z',
    group_by: 'day',
    groups: [{ group: '2026-11-22', ...sums }],
    total: sums,
  }),
  'listSessions 200': one('A page', { sessions: [summary], next_cursor: null }),
  'getSession 200': one('A conversation', session),
  'listSessionMessages 200': one('A page', {
    messages: [
      {
        id: '0c5d9b3e-2f61-4b0e-8a77-5d1e9c4f3b20',
        role: 'user',
        created_at: '2026-11-22T10:00:00.000Z',
        content: [{ type: 'text', text: 'Say hello' }],
      },
    ],
    next_cursor: null,
  }),
  'createChatCompletion 200': one('An answer', {
    id: 'chatcmpl-6f1d0c2b9a8e4d7f8b3a5c1e0d9f7a42',
    object: 'chat.completion',
    created: 1_795_341_600,
    model: 'claude-sonnet-5',
    service_tier: 'default',
    system_fingerprint: 'fp_claude_serve',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello!', refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: 297,
      completion_tokens: 3,
      total_tokens: 300,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
  }),
  'createResponse 200': one('A response', response),
  'getResponse 200': one('A response', response),
  'listResponseItems 200': one('A page', {
    object: 'list',
    data: [
      {
        type: 'message',
        id: `${sampleResponse.replace('resp', 'item')}_0`,
        status: 'completed',
        role: 'user',
        content: [{ type: 'input_text', text: 'Say hello' }],
      },
    ],
    first_id: `${sampleResponse.replace('resp', 'item')}_0`,
    last_id: `${sampleResponse.replace('resp', 'item')}_0`,
    has_more: false,
  }),
  'deleteResponse 200': one('Deleted', { id: sampleResponse, object: 'response', deleted: true }),
  ...Object.fromEntries(
    ['createConversation', 'getConversation', 'updateConversation', 'deleteConversationItem'].map((id) => [
      `${id} 200`,
      one('A conversation', conversation),
    ]),
  ),
  'deleteConversation 200': one('Deleted', { id: sampleConversation, object: 'conversation.deleted', deleted: true }),
  'createConversationItems 200': one('One item', itemList),
  'listConversationItems 200': one('A page', itemList),
  'getConversationItem 200': one('An item', conversationItem),
  'compactResponse 200': one('A compacted conversation', {
    id: sampleResponse,
    object: 'response.compaction',
    created_at: response.created_at,
    output: [
      {
        type: 'message',
        id: sampleResponse.replace('resp', 'item').concat('_0'),
        status: 'completed',
        role: 'user',
        content: [{ type: 'input_text', text: 'Say hello' }],
      },
      { type: 'compaction', id: sampleResponse.replace('resp', 'cmp').concat('_0'), encrypted_content: 'css1.9nJr…' },
    ],
    usage: response.usage,
  }),
  'uploadFile 200': one('A file', file),
  'getFile 200': one('A file', file),
  'listFiles 200': one('A page', {
    ...{ object: 'list', data: [file], first_id: sampleFile, last_id: sampleFile, has_more: false },
  }),
  'deleteFile 200': one('Deleted', { id: sampleFile, object: 'file', deleted: true }),
  ...Object.fromEntries(['createBatch', 'getBatch', 'cancelBatch'].map((id) => [`${id} 200`, one('A batch', batch)])),
  'listBatches 200': one('A page', {
    ...{ object: 'list', data: [batch], first_id: sampleBatch, last_id: sampleBatch, has_more: false },
  }),
  ...Object.fromEntries(
    ['createMessageBatch', 'getMessageBatch', 'cancelMessageBatch'].map((id) => [
      `${id} 200`,
      one('A batch', messageBatch),
    ]),
  ),
  'listMessageBatches 200': one('A page', {
    ...{ data: [messageBatch], has_more: false, first_id: sampleMessageBatch, last_id: sampleMessageBatch },
  }),
  'deleteMessageBatch 200': one('Deleted', { id: sampleMessageBatch, type: 'message_batch_deleted' }),
  'countResponseTokens 200': one('An estimate', { object: 'response.input_tokens', input_tokens: 297 }),
  'createMessage 200': one('An answer', {
    id: 'msg_6f1d0c2b9a8e4d7f8b3a5c1e0d9f7a42',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-5',
    content: [{ type: 'text', text: 'Hello!', citations: null }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      input_tokens: 297,
      output_tokens: 3,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation: null,
      output_tokens_details: null,
      server_tool_use: null,
      service_tier: 'standard',
      inference_geo: null,
      speed: null,
    },
  }),
  'countTokens 200': one('An estimate', { input_tokens: 297 }),
  'listModels 200': {
    openai: { summary: "In OpenAI's format", value: { object: 'list', data: [openaiModel] } },
    anthropic: {
      summary: "In Anthropic's format",
      value: { data: [anthropicModel], has_more: false, first_id: 'sonnet', last_id: 'sonnet' },
    },
  },
  'getModel 200': {
    openai: { summary: "In OpenAI's format", value: openaiModel },
    anthropic: { summary: "In Anthropic's format", value: anthropicModel },
  },
  'ollamaChat 200': one('An answer', {
    model: 'sonnet',
    created_at: '2026-11-22T10:00:00.000Z',
    message: { role: 'assistant', content: 'Hello!' },
    done: true,
    done_reason: 'stop',
    total_duration: 912_000_000,
    load_duration: 1_000_000,
    prompt_eval_count: 297,
    prompt_eval_duration: 0,
    eval_count: 3,
    eval_duration: 911_000_000,
  }),
  'ollamaVersion 200': one('The version', { version: '0.40.0' }),
  'login 201': one('A key', {
    key: `csk_${'0'.repeat(49)}`,
    expires_at: '2026-11-22T22:00:00.000Z',
  }),
  'getQuota 200': one('A plan', quota),
  'whoami 200': one('A key for plain models, with a budget', {
    key: {
      id: 'key_0123456789abcdef',
      name: 'editor',
      prefix: 'csk_3f9c',
      created_at: '2026-11-01T09:00:00.000Z',
      expires_at: null,
    },
    scopes: ['chat'],
    limits: {
      rate_per_minute: 60,
      max_concurrency: 2,
      models: ['sonnet', 'haiku'],
      tools: null,
      cwd_roots: ['/home/me/projects'],
      permission_modes: ['default', 'plan'],
    },
    budget: { limit_usd: 5, spent_usd: 4.2, period: 'month', resets_at: '2026-12-01T00:00:00.000Z' },
    warnings: ['84 % of the budget is spent'],
  }),
  'getHealth 200': one('The CLI can be run', {
    status: 'ok',
    claude_version: '2.1.332 (Claude Code)',
    version: '0.1.0',
    uptime_s: 42.1,
    logged_in: true,
    auth_method: 'claude.ai',
    claude_path: '/usr/local/bin/claude',
    claude_tested_up_to: '2.1.332',
    claude_warnings: [],
    command: 'claude-serve',
    demo: false,
    processes: { live: 2, idle: 1, spare: 1, busy: 0, starting: 0, max: 4 },
    queue: { waiting: 0, limit: 64 },
    quota,
  }),
}
