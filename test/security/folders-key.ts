// An API key with the scope `agent`, for tests of folders.
import { newSecret } from '../../src/auth/keys.ts'
import { unlimitedKey } from '../../src/core/key-record.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import type { TestFolders } from '../helpers/test-server.ts'

/** Returns the secret. From now on every request to a server with this data folder needs a key. */
export async function makeKey({ dataDir }: Pick<TestFolders, 'dataDir'>): Promise<string> {
  const { secret, prefix, hash } = newSecret()
  const store = await openKeyStore(dataDir)
  await store.createKey({
    id: 'key_1',
    name: 'one',
    prefix,
    hash,
    scopes: ['agent'],
    createdAtMs: Date.now(),
    ...unlimitedKey,
  })
  await store.close()
  return secret
}
