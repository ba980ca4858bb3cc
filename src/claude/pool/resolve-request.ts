// Everything that decides which process can serve a request: its working folder, the settings in force there, its profile, and its
// turn. Computed once per request; choosing among the processes is done in worker-selection.ts.
import type { RunRequest } from '../../core/agent.ts'
import { SessionAccess, sessionNotFound } from '../../core/sessions.ts'
import { AppError } from '../../errors.ts'
import type { AbilityBook } from '../cli/abilities.ts'
import { profileKey, type Turn, toProfile, toTurn } from '../cli/profile.ts'
import { processFingerprint, readSettingsState, type SettingsState } from '../cli/settings-fingerprint.ts'
import { loadToolServers } from '../process/client-tools-server.ts'
import type { Environment } from '../sessions/config-folder.ts'
import type { SessionFolders } from '../sessions/session-folders.ts'
import { findTranscript, transcriptFile } from '../sessions/transcript.ts'
import { readWrittenConversation, type WrittenConversation } from '../sessions/written-conversation.ts'
import type { SpawnSpec } from './pool-worker.ts'
import { existingSession } from './worker-selection.ts'

export type RequestContext = {
  /** The executable to start now, once everything that `spawn` needs is loaded. Throws an AppError if there is none. */
  claude: () => Promise<SpawnSpec['claude']>
  abilities: Pick<AbilityBook, 'of'>
  environment: Environment
  /** The folder in which the CLI keeps its conversations. */
  configDir: string
  defaultCwd: string
  /** An empty folder in which plain models work; the same one for as long as it exists. */
  scratchDir: () => string
}

/** `isHeld`: a process held the conversation that the request continues, so its file was not looked at. */
export type ResolvedRequest = SpawnSpec & { request: RunRequest; turn: Turn; key: string; isHeld: boolean }

type ResolveParts = {
  context: RequestContext
  folders: SessionFolders
  /** The folder of the process that holds the conversation that the request continues; null if none does. */
  heldIn: string | null
}

/** Throws `session_not_found` and whatever `claude` throws. */
export async function resolveRequest(
  request: RunRequest,
  turn: Turn,
  { context, folders, heldIn }: ResolveParts,
): Promise<ResolvedRequest> {
  const claude = await context.claude()
  const isHeld = heldIn !== null
  await requireNoFile(request, context)
  const cwd = request.plain === null ? await workingFolder(request, context, { folders, heldIn }) : context.scratchDir()
  const { fingerprint: settings, hasHooks } = settingsFor(request, cwd, context)
  const fingerprint = processFingerprint(claude, settings)
  const circumstances = { cwd, abilities: context.abilities.of(claude), hasHooks }
  const written = isHeld ? null : await writtenConversation(request, cwd, context)
  if (written !== null) {
    const replayed = withPromptOf(written, request)
    const profile = toProfile(replayed, { ...circumstances, written })
    const known = { profile, key: profileKey(profile), fingerprint, claude }
    if (profile.reusable) return { ...known, isHeld, request, turn: { ...toTurn(replayed), written } }
  }
  const profile = toProfile(request, circumstances)
  if (profile.fixed.clientTools.length > 0) await loadToolServers()
  return { request, profile, turn, key: profileKey(profile), fingerprint, claude, isHeld }
}

/** A conversation that has a file keeps it. */
async function requireNoFile({ session, persist }: RunRequest, { configDir }: RequestContext): Promise<void> {
  if (session.kind !== 'continue' || persist !== false) return
  if ((await findTranscript(configDir, session.sessionId)) === null) return
  throw new AppError(
    'invalid_request',
    'persist: the conversation has a file already; add "fork": true to continue a copy that has none',
    { field: 'persist' },
  )
}

/** So many messages are handed to another process; the CLI itself reads more of them sooner. */
const replayedMax = 1000

/** Null if the CLI itself must read the conversation's file. */
async function writtenConversation(
  { plain, session, options }: RunRequest,
  cwd: string,
  { configDir }: RequestContext,
): Promise<WrittenConversation | null> {
  if (plain !== null || session.kind !== 'continue' || options.tools?.length !== 0) return null
  const written = await readWrittenConversation(transcriptFile(configDir, cwd, session.sessionId))
  return written !== null && written.messages.length <= replayedMax ? written : null
}

/** A request that names no system prompt keeps the conversation's own. */
const withPromptOf = ({ systemPrompt }: WrittenConversation, request: RunRequest): RunRequest => ({
  ...request,
  options: { ...request.options, systemPrompt: request.options.systemPrompt ?? systemPrompt },
})

/** A plain model reads no settings; only the date changes for it. */
function settingsFor({ plain }: RunRequest, cwd: string, { environment }: RequestContext): SettingsState {
  if (plain !== null) return { fingerprint: new Date().toDateString(), hasHooks: false }
  return readSettingsState(environment, cwd)
}

/**
 * The folder that the request names; otherwise a conversation continues in its own, and a new one starts in the server's. A
 * conversation in a folder that the caller may not name is reported like one that does not exist.
 */
async function workingFolder(
  request: RunRequest,
  { defaultCwd }: RequestContext,
  { folders, heldIn }: Pick<ResolveParts, 'folders' | 'heldIn'>,
): Promise<string> {
  const session = existingSession(request)
  const { options, roots = null } = request
  const needsOwn = session !== null && (options.cwd === null || roots !== null)
  const own = needsOwn ? (heldIn ?? (await folders.find(session))) : null
  if (needsOwn && !(await new SessionAccess(roots).allows({ cwd: own }))) throw sessionNotFound(session)
  return options.cwd ?? own ?? defaultCwd
}
