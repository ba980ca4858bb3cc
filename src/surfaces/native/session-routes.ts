// The routes for sessions: the checks a request must pass before a file is touched, and which sessions a caller may
// see. The CLI's own files are the source of truth; the store adds what they do not contain. routes.ts sends the
// errors.
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Caller } from '../../auth/authenticate.ts'
import {
  listSessions,
  SessionAccess,
  type SessionFiles,
  type SessionInfo,
  sessionNotFound,
} from '../../core/sessions.ts'
import type { SessionFactsStore, UsageStore } from '../../core/store.ts'
import { AppError, invalidField } from '../../errors.ts'
import { type RouteRequest, type RouteTable, registerRoutes } from '../../http/routes.ts'
import { parseBody } from '../../http/validate.ts'
import { toMessageList, toSessionReply, toSummary } from './session-replies.ts'
import type { MessageList, SessionList, SessionReply } from './session-reply-schemas.ts'
import { MessageListQuery, SessionFork, SessionListQuery, SessionParams, SessionPatch } from './session-schemas.ts'

export type SessionOptions = {
  files: SessionFiles
  store: SessionFactsStore & UsageStore
  /** The id of the run that is using the session. */
  holder(id: string): string | null
  /** Ends an idle process that holds the session; returns false while the process is busy. */
  release(id: string): Promise<boolean>
  /** Real paths of the folders whose sessions a caller may see; null allows any. */
  cwdRoots(caller: Caller): readonly string[] | null
  executable: { command: string }
}

const ofSession = { params: SessionParams, errors: ['session', 'files'] } as const
const ofIdleSession = { ...ofSession, errors: ['session', 'files', 'held'] } as const

export const sessionRoutes: RouteTable<SessionOptions> = {
  tag: 'native',
  scope: 'agent',
  routes: [
    {
      method: 'GET',
      path: '/v1/sessions',
      id: 'listSessions',
      summary: 'List conversations',
      about: "The CLI's conversations, including those started in a terminal, most recently used first.",
      query: SessionListQuery,
      answers: { 200: { about: 'A page.', json: 'SessionList' } },
      errors: ['folder', 'files'],
      handler: list,
    },
    {
      ...ofSession,
      method: 'GET',
      path: '/v1/sessions/:id',
      id: 'getSession',
      summary: 'One conversation',
      answers: { 200: { about: 'The conversation.', json: 'Session' } },
      handler: async (options, request) => describe(options, await find(options, request)),
    },
    {
      ...ofSession,
      method: 'PATCH',
      path: '/v1/sessions/:id',
      id: 'renameSession',
      summary: 'Rename a conversation',
      body: SessionPatch,
      mayBeEmpty: true,
      answers: { 200: { about: 'The conversation.', json: 'Session' } },
      handler: rename,
    },
    {
      ...ofIdleSession,
      method: 'DELETE',
      path: '/v1/sessions/:id',
      id: 'deleteSession',
      summary: 'Delete a conversation',
      about: 'Deletes its file, so it is gone from the terminal too.',
      mayBeEmpty: true,
      answers: { 204: { about: 'Deleted.' } },
      handler: remove,
    },
    {
      ...ofSession,
      method: 'GET',
      path: '/v1/sessions/:id/messages',
      id: 'listSessionMessages',
      summary: 'List the messages of a conversation',
      query: MessageListQuery,
      answers: { 200: { about: 'A page.', json: 'MessageList' } },
      handler: messages,
    },
    {
      ...ofIdleSession,
      method: 'POST',
      path: '/v1/sessions/:id/fork',
      id: 'forkSession',
      summary: 'Copy a conversation',
      body: SessionFork,
      mayBeEmpty: true,
      answers: { 201: { about: 'The copy.', json: 'Session', headers: ['location'] } },
      handler: fork,
    },
  ],
}

export const registerSessions = (app: FastifyInstance, options: SessionOptions) =>
  registerRoutes(app, sessionRoutes, options)

/** The query without empty parameters, which count as absent. */
const withoutEmpty = (query: unknown) =>
  Object.fromEntries(Object.entries(query as Record<string, unknown>).filter(([, value]) => value !== ''))

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** In lower case: the CLI treats two spellings of an id as two sessions. It also takes a title for an id. */
function checkId(request: RouteRequest): string {
  const id = request.params.id.toLowerCase()
  if (!uuid.test(id)) throw invalidField('id', 'must be the id of a session, a UUID')
  return id
}

/** A session in a folder that is not allowed looks like one that does not exist. */
async function find({ files, cwdRoots }: SessionOptions, request: RouteRequest): Promise<SessionInfo> {
  const id = checkId(request)
  const session = await files.get(id)
  if (!(await new SessionAccess(cwdRoots(request.caller)).allows(session))) throw sessionNotFound(id)
  return session
}

async function list(options: SessionOptions, request: RouteRequest): Promise<SessionList> {
  const { cwd, q, limit, cursor = null } = parseBody(SessionListQuery, withoutEmpty(request.query))
  const page = await listSessions(options.files, { cwd, q, limit, cursor }, options.cwdRoots(request.caller))
  const facts = await options.store.sessions(page.items.map(({ id }) => id))
  const models = await options.files.models(page.items)
  const sessions = page.items.map((session, index) =>
    toSummary(session, {
      lastModel: models[index] ?? null,
      facts: facts.find(({ id }) => id === session.id) ?? null,
      runId: options.holder(session.id),
    }),
  )
  return { sessions, next_cursor: page.nextCursor }
}

async function messages(options: SessionOptions, request: RouteRequest): Promise<MessageList> {
  const { limit, cursor = null } = parseBody(MessageListQuery, withoutEmpty(request.query))
  const { id } = await find(options, request)
  return toMessageList(await options.files.messages(id, { limit, cursor }))
}

async function rename(options: SessionOptions, request: RouteRequest): Promise<SessionReply> {
  checkId(request)
  const { title } = parseBody(SessionPatch, request.body)
  const { id } = await find(options, request)
  await options.files.rename(id, title)
  return describe(options, await options.files.get(id))
}

async function describe(
  { files, store, holder, executable }: SessionOptions,
  session: SessionInfo,
): Promise<SessionReply> {
  const { id } = session
  // The rest is worth an answer even if the file is too large to be read in time.
  const content = await files.content(id).catch(() => null)
  const [facts = null] = await store.sessions([id])
  const period = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }
  const [usage = null] = await store.usage({ ...period, groupBy: 'session', sessionId: id })
  return toSessionReply(session, { facts, runId: holder(id), usage, content, claude: executable.command })
}

async function fork(options: SessionOptions, request: RouteRequest, reply: FastifyReply): Promise<FastifyReply> {
  checkId(request)
  const { title } = parseBody(SessionFork, request.body ?? {})
  const { files, store } = options
  const session = await find(options, request)
  const copy = await files.get(await files.fork(session.id, title ?? null))
  const [facts] = await store.sessions([session.id])
  if (facts !== undefined) {
    const now = Date.now()
    await store.upsertSession({ ...facts, id: copy.id, createdAtMs: now, lastUsedAtMs: now })
  }
  return reply
    .code(201)
    .header('location', `/v1/sessions/${copy.id}`)
    .send(await describe(options, copy))
}

async function remove(options: SessionOptions, request: RouteRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { id } = await find(options, request)
  // An idle process would write the file again.
  if (options.holder(id) !== null || !(await options.release(id))) {
    const text = `A run is using session ${id}; cancel it or wait for it to end.`
    throw new AppError('conflict', text, { sessionId: id })
  }
  await options.files.remove(id)
  await options.store.deleteSession(id)
  return reply.code(204).send()
}
