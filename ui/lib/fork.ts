// Forks a session and opens the copy.
import type { SessionReply } from '../../src/surfaces/native/session-reply-schemas.ts'
import { call } from './api.ts'
import { go } from './router.ts'

/** Throws ApiError. */
export async function fork(sessionId: string): Promise<void> {
  const copy = await call<SessionReply>(`/v1/sessions/${sessionId}/fork`, { method: 'POST' })
  go('chat', copy.session_id)
}
