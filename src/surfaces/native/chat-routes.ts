// The routes that start runs, and how a run becomes an answer. What a request must pass beyond its schema is checked in
// compat/agent-run.ts.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../../auth/authenticate.ts'
import { type AgentRunOptions, toAgentRun } from '../../compat/agent-run.ts'
import type { RunHandle, Runs } from '../../core/runs.ts'
import type { RouteTable } from '../../http/routes.ts'
import { startRun } from '../../http/start-run.ts'
import { collectRun, streamRun } from '../../http/stream-run.ts'
import { parseBody } from '../../http/validate.ts'
import { NativeEvents } from './events.ts'
import { toRunReply } from './run-reply.ts'
import { ChatRequest } from './schemas.ts'
import { toReply } from './translate.ts'

export type ChatOptions = AgentRunOptions & {
  runs: Runs
  /** Real paths of the folders that a caller may use; null allows any. */
  cwdRoots(caller: Caller): readonly string[] | null
}

const shared = {
  method: 'POST',
  body: ChatRequest,
  startsRun: true,
  errors: ['mode', 'model', 'session'],
} as const

export const chatRoutes: RouteTable<ChatOptions> = {
  tag: 'native',
  scope: 'agent',
  routes: [
    {
      ...shared,
      path: '/v1/chat',
      id: 'chat',
      summary: 'Send a prompt and get the whole answer',
      about:
        'A prompt without options works as with `claude -p`: the system prompt, tools and settings of Claude Code apply, and anything that would prompt for permission is denied. A client that disconnects cancels the run, unless it is a background run.',
      answers: {
        200: { about: 'The answer.', json: 'ChatReply' },
        202: { about: 'With `background`: the run, which continues.', json: 'Run', headers: ['location'] },
      },
      handler: chat,
    },
    {
      ...shared,
      path: '/v1/chat/stream',
      id: 'chatStream',
      summary: 'Send a prompt and stream the answer',
      about:
        'Server-sent events: `id:` counts up from 1, `data:` holds one event as JSON. `start` comes first, then `delta` for each part of the text, and finally `done` or `error`. `approvals` adds `permission_request` and `question`; `"events": "full"` adds all others. A comment line is sent after every 15 seconds of silence. A run that fails before its first content returns an HTTP status instead.',
      answers: { 200: { about: 'The events.', events: 'ChatEvent' } },
      handler: chatStream,
    },
  ],
}

async function chat(options: ChatOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(ChatRequest, request.body)
  const run = await start(options, body, { streaming: false, request, reply })
  if (body.background) return replyAccepted(options, run, reply)
  return reply.send(toReply(await collectRun(run), run.id))
}

/** Answers 202: a background run is already stored on disk. */
async function replyAccepted({ runs }: ChatOptions, run: RunHandle, reply: FastifyReply): Promise<unknown> {
  reply.header('location', `/v1/runs/${run.id}`)
  const record = await runs.get(run.id)
  if (record === null) throw new Error('an accepted run is missing from the store')
  return reply.code(202).send(toRunReply(record))
}

async function chatStream(options: ChatOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(ChatRequest, request.body)
  const run = await start(options, body, { streaming: true, request, reply })
  const native = new NativeEvents({ runId: run.id, requestId: request.id, isFull: body.events === 'full' })
  return streamRun(run, native, request, reply)
}

type Exchange = { streaming: boolean; request: FastifyRequest; reply: FastifyReply }

/** Checks the body and starts its run. */
async function start(
  options: ChatOptions,
  body: ChatRequest,
  { streaming, request, reply }: Exchange,
): Promise<RunHandle> {
  const roots = options.cwdRoots(request.caller)
  const input = await toAgentRun(body, { streaming, roots }, options)
  return startRun(options.runs, { ...input, surface: 'native' }, request, reply)
}
