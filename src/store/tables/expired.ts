// Deletes batches and files whose time is over, in small steps (see prune.ts).
import type { Prepare } from '../database.ts'
import { removeSomeItems } from './batch-table.ts'
import { removeSomeContent } from './file-table.ts'

/** How long the results of a batch are kept, in milliseconds: as long as OpenAI keeps them, a day longer than Anthropic. */
const batchLifeMs = 30 * 86_400_000

/** True if there may be more. */
export function removeExpired(prepare: Prepare, nowMs: number): boolean {
  const batch = prepare("SELECT id FROM batches WHERE status = 'ended' AND ended_at_ms <= ? LIMIT 1").get(
    nowMs - batchLifeMs,
  )
  if (batch !== undefined) {
    const id = String(batch.id)
    if (!removeSomeItems(prepare, id)) prepare('DELETE FROM batches WHERE id = ?').run(id)
    return true
  }
  const file = prepare('SELECT id FROM files WHERE expires_at_ms <= ? LIMIT 1').get(nowMs)
  if (file === undefined) return false
  const id = String(file.id)
  if (!removeSomeContent(prepare, id)) prepare('DELETE FROM files WHERE id = ?').run(id)
  return true
}
