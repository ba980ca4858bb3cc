// The routes, surface by surface: what each is for, takes, answers and can fail with.
import type { Group } from './errors.ts'
import type { Route } from './operations.ts'
import { paths, queries } from './parameters.ts'

const native = ['native']
const openai = ['openai']
const anthropic = ['anthropic']
const faces = ['openai', 'anthropic']
const server = ['server']

/** What starting a run can fail with. */
const run = ['folder', 'model', 'run'] as const satisfies Group[]
const chatErrors: Group[] = [...run, 'mode', 'session']
const runHeaders = ['x-run-id', 'idempotent-replayed']

const agent = { surface: 'native', tag: native, needs: 'agent' } as const

const chats: Route[] = [
  {
    ...agent,
    method: 'post',
    path: '/v1/chat',
    id: 'chat',
    summary: 'Ask, and get the whole answer',
    about:
      'With the prompt alone it means what `claude -p` means: the system prompt, tools and settings of Claude Code; what would ask for permission is denied. A client that hangs up cancels the run, unless it is in the background.',
    headers: ['idempotency-key'],
    body: 'ChatRequest',
    answers: {
      200: { about: 'The answer.', json: 'ChatReply', headers: runHeaders },
      202: { about: 'With `background`: the run, which goes on.', json: 'Run', headers: [...runHeaders, 'location'] },
    },
    errors: chatErrors,
  },
  {
    ...agent,
    method: 'post',
    path: '/v1/chat/stream',
    id: 'chatStream',
    summary: 'Ask, and get the answer as it comes',
    about:
      'Server-sent events: `id:` counts up from 1, `data:` holds one event as JSON. First `start`, then `delta` for each piece of text, last `done` or `error`. With `approvals` also `permission_request` and `question`; with `"events": "full"` all others. Comment lines come every 15 seconds of silence. A run that fails before it says anything has a status of its own instead.',
    headers: ['idempotency-key'],
    body: 'ChatRequest',
    answers: { 200: { about: 'The events.', events: 'ChatEvent', headers: runHeaders } },
    errors: chatErrors,
  },
]

const runs: Route[] = [
  {
    ...agent,
    method: 'get',
    path: '/v1/runs',
    id: 'listRuns',
    summary: 'List runs',
    about: 'The newest first. Callers with a key see their own; administrators and callers without a key see all.',
    parameters: queries.runs,
    answers: { 200: { about: 'A page.', json: 'RunList' } },
  },
  {
    ...agent,
    method: 'get',
    path: '/v1/runs/{id}',
    id: 'getRun',
    summary: 'One run',
    parameters: [paths.run],
    answers: { 200: { about: 'The run.', json: 'Run' } },
    errors: ['oneRun'],
  },
  {
    ...agent,
    method: 'get',
    path: '/v1/runs/{id}/events',
    id: 'followRun',
    summary: 'What happened in a run, and what happens now',
    about:
      'The stream of the run from its beginning, or from where a reader had got to; live if the run still runs. At most 16 readers each.',
    parameters: [paths.run, ...queries.events],
    headers: ['last-event-id'],
    answers: { 200: { about: 'The events.', events: 'ChatEvent', headers: ['x-run-id'] } },
    errors: ['oneRun'],
  },
  {
    ...agent,
    method: 'post',
    path: '/v1/runs/{id}/cancel',
    id: 'cancelRun',
    summary: 'End a run',
    about: 'Whatever it is doing; nothing happens to one that has ended.',
    parameters: [paths.run],
    body: 'Nothing',
    answers: { 200: { about: 'The run.', json: 'Run' } },
    errors: ['oneRun'],
  },
  {
    ...agent,
    method: 'post',
    path: '/v1/runs/{id}/permissions/{request_id}',
    id: 'answerPermission',
    summary: 'Allow or deny what a run asks for',
    about: 'For runs with `approvals`. Whoever does not answer in time (`--approval-timeout`) has denied.',
    parameters: [paths.run, paths.request],
    body: 'PermissionAnswer',
    answers: { 200: { about: 'The run.', json: 'Run' } },
    errors: ['oneRun', 'ask'],
  },
  {
    ...agent,
    method: 'post',
    path: '/v1/runs/{id}/answers/{request_id}',
    id: 'answerQuestion',
    summary: 'Answer questions of Claude',
    about: 'For runs with `approvals`.',
    parameters: [paths.run, paths.request],
    body: 'QuestionAnswer',
    answers: { 200: { about: 'The run.', json: 'Run' } },
    errors: ['oneRun', 'ask'],
  },
  {
    ...agent,
    method: 'get',
    path: '/v1/usage',
    id: 'getUsage',
    summary: 'What runs have used and cost',
    about: 'Callers with a key see their own; administrators and callers without a key see all.',
    parameters: queries.usage,
    answers: { 200: { about: 'The sums.', json: 'Usage' } },
  },
]

const session = { ...agent, parameters: [paths.session] }
const sessionErrors: Group[] = ['session', 'files']

const sessions: Route[] = [
  {
    ...agent,
    method: 'get',
    path: '/v1/sessions',
    id: 'listSessions',
    summary: 'List conversations',
    about: "The CLI's own, those begun in a terminal too, the last used first.",
    parameters: queries.sessions,
    answers: { 200: { about: 'A page.', json: 'SessionList' } },
    errors: ['folder', 'files'],
  },
  {
    ...session,
    method: 'get',
    path: '/v1/sessions/{id}',
    id: 'getSession',
    summary: 'One conversation',
    answers: { 200: { about: 'The conversation.', json: 'Session' } },
    errors: sessionErrors,
  },
  {
    ...session,
    method: 'patch',
    path: '/v1/sessions/{id}',
    id: 'renameSession',
    summary: 'Give a conversation a title',
    body: 'SessionPatch',
    answers: { 200: { about: 'The conversation.', json: 'Session' } },
    errors: sessionErrors,
  },
  {
    ...session,
    method: 'delete',
    path: '/v1/sessions/{id}',
    id: 'deleteSession',
    summary: 'Delete a conversation',
    about: 'Its file is gone then, for the terminal too.',
    body: 'Nothing',
    answers: { 204: { about: 'It is gone.' } },
    errors: [...sessionErrors, 'held'],
  },
  {
    ...agent,
    method: 'get',
    path: '/v1/sessions/{id}/messages',
    id: 'listSessionMessages',
    summary: 'What was said in a conversation',
    parameters: [paths.session, ...queries.messages],
    answers: { 200: { about: 'A page.', json: 'MessageList' } },
    errors: sessionErrors,
  },
  {
    ...session,
    method: 'post',
    path: '/v1/sessions/{id}/fork',
    id: 'forkSession',
    summary: 'Copy a conversation',
    body: 'SessionFork',
    answers: { 201: { about: 'The copy.', json: 'Session', headers: ['location'] } },
    errors: [...sessionErrors, 'held'],
  },
]

const ignored = 'x-claude-serve-ignored'
const plainOrAgent =
  "`sonnet` is the plain model: your system prompt alone, and your own tools. `agent/sonnet` is Claude Code itself, with its tools and settings in the server's default folder; it needs the scope `agent`."

const response = { tag: openai, surface: 'openai', needs: 'chat' } as const

const compatible: Route[] = [
  {
    method: 'post',
    path: '/v1/chat/completions',
    id: 'createChatCompletion',
    tag: openai,
    surface: 'openai',
    needs: 'chat',
    summary: "OpenAI's chat completions",
    about: `${plainOrAgent} With \`"stream": true\` the answer comes as server-sent events, the last one \`[DONE]\`.`,
    headers: ['idempotency-key', 'x-claude-serve-strict'],
    body: 'OpenAIChatRequest',
    answers: {
      200: {
        about: 'The answer.',
        json: 'OpenAIChatCompletion',
        events: 'OpenAIChatCompletionChunk',
        headers: [...runHeaders, ignored],
      },
    },
    errors: [...run],
  },
  {
    ...response,
    method: 'post',
    path: '/v1/responses',
    id: 'createResponse',
    summary: "OpenAI's responses",
    about: `${plainOrAgent} With \`"stream": true\` the answer comes as server-sent events, each with its name in \`event:\`. Responses are stored as long as runs are, unless \`store\` is false.`,
    headers: ['idempotency-key', 'x-claude-serve-strict'],
    body: 'OpenAIResponseRequest',
    answers: {
      200: {
        about: 'The response; with `background` as it is now.',
        json: 'OpenAIResponse',
        events: 'OpenAIResponseEvent',
        headers: [...runHeaders, ignored],
      },
    },
    errors: [...run],
  },
  {
    ...response,
    method: 'get',
    path: '/v1/responses/{id}',
    id: 'getResponse',
    summary: 'A stored response',
    about: 'As it is now, or with `stream` from its first event on.',
    parameters: [paths.response, ...queries.response],
    answers: {
      200: {
        about: 'The response.',
        json: 'OpenAIResponse',
        events: 'OpenAIResponseEvent',
        headers: ['x-run-id'],
      },
    },
    errors: ['response'],
  },
  {
    ...response,
    method: 'delete',
    path: '/v1/responses/{id}',
    id: 'deleteResponse',
    summary: 'Forget a response',
    about: 'What was asked and answered is gone then; what it cost still counts. One that still runs is ended.',
    parameters: [paths.response],
    body: 'Nothing',
    answers: { 200: { about: 'It is gone.', json: 'OpenAIResponseDeleted' } },
    errors: ['response'],
  },
  {
    ...response,
    method: 'post',
    path: '/v1/responses/{id}/cancel',
    id: 'cancelResponse',
    summary: 'End a response in the background',
    parameters: [paths.response],
    body: 'Nothing',
    answers: { 200: { about: 'The response.', json: 'OpenAIResponse' } },
    errors: ['response'],
  },
  {
    ...response,
    method: 'get',
    path: '/v1/responses/{id}/input_items',
    id: 'listResponseItems',
    summary: 'What a response was made of',
    parameters: [paths.response, ...queries.responseItems],
    answers: { 200: { about: 'A page.', json: 'OpenAIResponseItemList' } },
    errors: ['response'],
  },
  {
    ...response,
    method: 'post',
    path: '/v1/responses/input_tokens',
    id: 'countResponseTokens',
    summary: "OpenAI's token counts",
    about: 'An estimate: nobody is asked, and no turn is spent.',
    headers: ['x-claude-serve-strict'],
    body: 'OpenAIResponseRequest',
    answers: {
      200: { about: 'The estimate.', json: 'OpenAIResponseTokens', headers: ['x-claude-serve-estimate', ignored] },
    },
    errors: ['model', 'cli'],
  },
  {
    method: 'post',
    path: '/v1/messages',
    id: 'createMessage',
    tag: anthropic,
    surface: 'anthropic',
    needs: 'chat',
    summary: "Anthropic's messages",
    about: `${plainOrAgent} With \`"stream": true\` the answer comes as server-sent events, each with its name in \`event:\`.`,
    headers: ['anthropic-version', 'idempotency-key', 'x-claude-serve-strict'],
    body: 'AnthropicMessagesRequest',
    answers: {
      200: {
        about: 'The answer.',
        json: 'AnthropicMessage',
        events: 'AnthropicMessageEvent',
        headers: [...runHeaders, ignored],
      },
    },
    errors: [...run],
  },
  {
    method: 'post',
    path: '/v1/messages/count_tokens',
    id: 'countTokens',
    tag: anthropic,
    surface: 'anthropic',
    needs: 'chat',
    summary: "Anthropic's token counts",
    about: 'An estimate: nobody is asked, and no turn is spent.',
    headers: ['anthropic-version', 'x-claude-serve-strict'],
    body: 'AnthropicCountRequest',
    answers: {
      200: { about: 'The estimate.', json: 'AnthropicTokenCount', headers: ['x-claude-serve-estimate', ignored] },
    },
    errors: ['model', 'cli'],
  },
  {
    method: 'get',
    path: '/v1/models',
    id: 'listModels',
    tag: faces,
    surface: 'faces',
    needs: 'chat',
    summary: 'Models that requests may name',
    about:
      "What the CLI reports, each as the plain model and as an agent. In Anthropic's shape for a request with `anthropic-version` or `x-api-key`, in OpenAI's for any other.",
    parameters: queries.models,
    headers: ['anthropic-version'],
    answers: { 200: { about: 'The names.', json: ['OpenAIModelList', 'AnthropicModelPage'] } },
    errors: ['cli'],
  },
  {
    method: 'get',
    path: '/v1/models/{model}',
    id: 'getModel',
    tag: faces,
    surface: 'faces',
    needs: 'chat',
    summary: 'One model',
    parameters: [paths.model],
    headers: ['anthropic-version'],
    answers: { 200: { about: 'The model.', json: ['OpenAIModel', 'AnthropicModel'] } },
    errors: ['model', 'cli'],
  },
]

const about = { method: 'get', surface: 'native', tag: server } as const

const ofServer: Route[] = [
  {
    ...about,
    method: 'post',
    path: '/v1/login',
    id: 'login',
    needs: 'login',
    summary: 'Exchange the code of a one-time link for a key',
    about:
      'For the web page. The link that `claude-serve open` makes where there are keys holds a code, sent like a key: `authorization: Bearer …`. It opens no other route, works once and for a minute. The key can do everything for twelve hours; `claude-serve keys` lists and revokes it.',
    body: 'Nothing',
    answers: { 201: { about: 'The key.', json: 'Login' } },
  },
  {
    ...about,
    path: '/v1/health',
    id: 'getHealth',
    needs: 'any',
    summary: 'Is it there, and is Claude logged in?',
    about: 'Starts no process.',
    answers: {
      200: { about: 'The CLI can be run.', json: 'Health' },
      503: { about: 'The CLI cannot be run.', json: 'Unhealthy' },
    },
  },
  {
    ...about,
    path: '/livez',
    id: 'getLiveness',
    needs: 'open',
    summary: 'For supervisors: does the server answer?',
    answers: { 200: { about: 'It does.', json: 'Liveness' } },
  },
  {
    ...about,
    path: '/readyz',
    id: 'getReadiness',
    needs: 'any',
    summary: 'For supervisors: can runs be taken?',
    answers: {
      200: { about: 'They can.', json: 'Readiness' },
      503: { about: 'They cannot.', json: 'Readiness' },
    },
  },
  {
    ...about,
    path: '/metrics',
    id: 'getMetrics',
    needs: 'admin',
    summary: 'Figures for Prometheus',
    answers: { 200: { about: 'The figures.', text: 'text/plain' } },
  },
  {
    ...about,
    path: '/openapi.json',
    id: 'getOpenapi',
    needs: 'any',
    summary: 'This document',
    about: 'With the address that it was asked for under.',
    answers: { 200: { about: 'The document.', json: 'Document' } },
  },
  {
    ...about,
    path: '/docs',
    id: 'getDocs',
    needs: 'open',
    summary: 'This document as a page',
    answers: { 200: { about: 'The page.', text: 'text/html' } },
  },
  {
    ...about,
    path: '/',
    id: 'getRoot',
    needs: 'open',
    summary: 'A word that the server runs; for a browser, the web page',
    answers: { 200: { about: 'The word, or the page.', text: 'text/plain' } },
  },
]

export const routes: readonly Route[] = [...chats, ...runs, ...sessions, ...compatible, ...ofServer]
