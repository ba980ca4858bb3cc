// API keys for tests of whole servers, stored beside the server as the command `keys` stores them.
import { newSecret } from '../../src/auth/keys.ts'
import { type KeyRecord, noPolicy, type Scope } from '../../src/core/key-record.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import type { TestFolders } from './test-server.ts'

const unlimited = { expiresAtMs: null, ratePerMinute: null, budgetUsd: null, revokedAtMs: null, lastUsedAtMs: null }

/** Creates a key named as its id. Returns its secret. */
export async function addKey(
  { dataDir }: Pick<TestFolders, 'dataDir'>,
  id: string,
  scopes: Scope[] = ['chat'],
  fields: Partial<KeyRecord> = {},
): Promise<string> {
  const { secret, prefix, hash } = newSecret()
  const keys = await openKeyStore(dataDir)
  const key = { id, name: id, prefix, hash, scopes, createdAtMs: Date.now(), ...unlimited, policy: noPolicy }
  await keys.createKey({ ...key, ...fields })
  await keys.close()
  return secret
}

export async function revokeKey({ dataDir }: Pick<TestFolders, 'dataDir'>, id: string): Promise<void> {
  const keys = await openKeyStore(dataDir)
  await keys.revokeKey(id, Date.now())
  await keys.close()
}
