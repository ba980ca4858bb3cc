// The routes, surface by surface: purpose, parameters, answers and errors of each.

import { ModelParams, PageQuery } from '../../src/surfaces/anthropic/schemas.ts'
import { ApprovalParams, EventsQuery, RunParams, RunsQuery, UsageQuery } from '../../src/surfaces/native/run-schemas.ts'
import { MessageListQuery, SessionListQuery, SessionParams } from '../../src/surfaces/native/session-schemas.ts'
import { ItemsQuery, ResponseParams, RetrieveQuery } from '../../src/surfaces/openai/responses/schemas.ts'
import type { Group } from './errors.ts'
import type { Route } from './operations.ts'
import { inPath, inQuery } from './parameters.ts'

const native = ['native']
const openai = ['openai']
const anthropic = ['anthropic']
const either = ['openai', 'anthropic']
const server = ['server']

/** Errors of starting a run. */
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
    summary: 'Send a prompt and get the whole answer',
    about:
      'A prompt without options works as with `claude -p`: the system prompt, tools and settings of Claude Code apply, and anything that would prompt for permission is denied. A client that disconnects cancels the run, unless it is a background run.',
    headers: ['idempotency-key'],
    body: 'ChatRequest',
    answers: {
      200: { about: 'The answer.', json: 'ChatReply', headers: runHeaders },
      202: { about: 'With `background`: the run, which continues.', json: 'Run', headers: [...runHeaders, 'location'] },
    },
    errors: chatErrors,
  },
  {
    ...agent,
    method: 'post',
    path: '/v1/chat/stream',
    id: 'chatStream',
    summary: 'Send a prompt and stream the answer',
    about:
      'Server-sent events: `id:` counts up from 1, `data:` holds one event as JSON. `start` comes first, then `delta` for each part of the text, and finally `done` or `error`. `approvals` adds `permission_request` and `question`; `"events": "full"` adds all others. A comment line is sent after every 15 seconds of silence. A run that fails before its first content returns an HTTP status instead.',
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
    about: 'Newest first. Callers with a key see their own runs; administrators and callers without a key see all.',
    parameters: inQuery(RunsQuery),
    answers: { 200: { about: 'A page.', json: 'RunList' } },
  },
  {
    ...agent,
    method: 'get',
    path: '/v1/runs/{id}',
    id: 'getRun',
    summary: 'One run',
    parameters: inPath(RunParams),
    answers: { 200: { about: 'The run.', json: 'Run' } },
    errors: ['oneRun'],
  },
  {
    ...agent,
    method: 'get',
    path: '/v1/runs/{id}/events',
    id: 'followRun',
    summary: 'Follow the events of a run',
    about:
      'The stream of the run from its beginning, or from where a reader left off; live if the run has not ended. At most 16 readers per run.',
    parameters: [...inPath(RunParams), ...inQuery(EventsQuery)],
    headers: ['last-event-id'],
    answers: { 200: { about: 'The events.', events: 'ChatEvent', headers: ['x-run-id'] } },
    errors: ['oneRun'],
  },
  {
    ...agent,
    method: 'post',
    path: '/v1/runs/{id}/cancel',
    id: 'cancelRun',
    summary: 'Cancel a run',
    about: 'Works in any state; a run that has ended stays as it is.',
    parameters: inPath(RunParams),
    body: 'Nothing',
    answers: { 200: { about: 'The run.', json: 'Run' } },
    errors: ['oneRun'],
  },
  {
    ...agent,
    method: 'post',
    path: '/v1/runs/{id}/permissions/{request_id}',
    id: 'answerPermission',
    summary: 'Allow or deny what a run requests',
    about: 'For runs with `approvals`. No answer within `--approval-timeout` counts as a denial.',
    parameters: inPath(ApprovalParams),
    body: 'PermissionAnswer',
    answers: { 200: { about: 'The run.', json: 'Run' } },
    errors: ['oneRun', 'ask'],
  },
  {
    ...agent,
    method: 'post',
    path: '/v1/runs/{id}/answers/{request_id}',
    id: 'answerQuestion',
    summary: "Answer Claude's questions",
    about: 'For runs with `approvals`.',
    parameters: inPath(ApprovalParams),
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
    about: 'Callers with a key see their own usage; administrators and callers without a key see all.',
    parameters: inQuery(UsageQuery),
    answers: { 200: { about: 'The sums.', json: 'Usage' } },
  },
]

const session = { ...agent, parameters: inPath(SessionParams) }
const sessionErrors: Group[] = ['session', 'files']

const sessions: Route[] = [
  {
    ...agent,
    method: 'get',
    path: '/v1/sessions',
    id: 'listSessions',
    summary: 'List conversations',
    about: "The CLI's conversations, including those started in a terminal, most recently used first.",
    parameters: inQuery(SessionListQuery),
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
    summary: 'Rename a conversation',
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
    about: 'Deletes its file, so it is gone from the terminal too.',
    body: 'Nothing',
    answers: { 204: { about: 'Deleted.' } },
    errors: [...sessionErrors, 'held'],
  },
  {
    ...agent,
    method: 'get',
    path: '/v1/sessions/{id}/messages',
    id: 'listSessionMessages',
    summary: 'List the messages of a conversation',
    parameters: [...inPath(SessionParams), ...inQuery(MessageListQuery)],
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
  "`sonnet` is the plain model: only your system prompt and your own tools. `agent/sonnet` is Claude Code itself, with its tools and settings in the server's default folder; it needs the scope `agent`."

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
    about: `${plainOrAgent} With \`"stream": true\` the answer is streamed as server-sent events, the last one \`[DONE]\`.`,
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
    about: `${plainOrAgent} With \`"stream": true\` the answer is streamed as server-sent events, each with its name in \`event:\`. Responses are stored for as long as runs are, unless \`store\` is false.`,
    headers: ['idempotency-key', 'x-claude-serve-strict'],
    body: 'OpenAIResponseRequest',
    answers: {
      200: {
        about: 'The response; with `background` in its current state.',
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
    about: 'In its current state, or with `stream` as events from the first one.',
    parameters: [...inPath(ResponseParams), ...inQuery(RetrieveQuery)],
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
    summary: 'Delete a response',
    about: 'Deletes the request and the answer; the cost still counts. A running response is cancelled.',
    parameters: inPath(ResponseParams),
    body: 'Nothing',
    answers: { 200: { about: 'Deleted.', json: 'OpenAIResponseDeleted' } },
    errors: ['response'],
  },
  {
    ...response,
    method: 'post',
    path: '/v1/responses/{id}/cancel',
    id: 'cancelResponse',
    summary: 'Cancel a background response',
    parameters: inPath(ResponseParams),
    body: 'Nothing',
    answers: { 200: { about: 'The response.', json: 'OpenAIResponse' } },
    errors: ['response'],
  },
  {
    ...response,
    method: 'get',
    path: '/v1/responses/{id}/input_items',
    id: 'listResponseItems',
    summary: 'List the input items of a response',
    parameters: [...inPath(ResponseParams), ...inQuery(ItemsQuery)],
    answers: { 200: { about: 'A page.', json: 'OpenAIResponseItemList' } },
    errors: ['response'],
  },
  {
    ...response,
    method: 'post',
    path: '/v1/responses/input_tokens',
    id: 'countResponseTokens',
    summary: "OpenAI's token counts",
    about: 'An estimate: no request is made to the model.',
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
    about: `${plainOrAgent} With \`"stream": true\` the answer is streamed as server-sent events, each with its name in \`event:\`.`,
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
    about: 'An estimate: no request is made to the model.',
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
    tag: either,
    surface: 'either',
    needs: 'chat',
    summary: 'List models that requests may name',
    about:
      "The models that the CLI reports, each as a plain model and as an agent. In Anthropic's format for requests with `anthropic-version` or `x-api-key`, in OpenAI's for all others.",
    parameters: inQuery(PageQuery),
    headers: ['anthropic-version'],
    answers: { 200: { about: 'The names.', json: ['OpenAIModelList', 'AnthropicModelPage'] } },
    errors: ['cli'],
  },
  {
    method: 'get',
    path: '/v1/models/{model}',
    id: 'getModel',
    tag: either,
    surface: 'either',
    needs: 'chat',
    summary: 'One model',
    parameters: inPath(ModelParams),
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
      'For the web page. If there are keys, the link that `claude-serve open` makes contains a code, which is sent like a key: `authorization: Bearer …`. It works on no other route, once, and for a minute. The key is valid for everything for twelve hours; `claude-serve keys` lists and revokes it.',
    body: 'Nothing',
    answers: { 201: { about: 'The key.', json: 'Login' } },
  },
  {
    ...about,
    path: '/v1/health',
    id: 'getHealth',
    needs: 'any',
    summary: 'Is the server healthy, and is Claude logged in?',
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
    summary: 'For supervisors: does the server respond?',
    answers: { 200: { about: 'It responds.', json: 'Liveness' } },
  },
  {
    ...about,
    path: '/readyz',
    id: 'getReadiness',
    needs: 'any',
    summary: 'For supervisors: can the server accept runs?',
    answers: {
      200: { about: 'It can.', json: 'Readiness' },
      503: { about: 'It cannot.', json: 'Readiness' },
    },
  },
  {
    ...about,
    path: '/metrics',
    id: 'getMetrics',
    needs: 'admin',
    summary: 'Metrics for Prometheus',
    answers: { 200: { about: 'The metrics.', text: 'text/plain' } },
  },
  {
    ...about,
    path: '/openapi.json',
    id: 'getOpenapi',
    needs: 'any',
    summary: 'This document',
    about: 'With the URL at which it was requested.',
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
    summary: 'A short text saying that the server is running; for browsers, the web page',
    answers: { 200: { about: 'The text, or the page.', text: 'text/plain' } },
  },
]

export const routes: readonly Route[] = [...chats, ...runs, ...sessions, ...compatible, ...ofServer]
