// Whether a test may act as another user of the machine: that user must be able to run this Node and read these files. Below a folder such as
// /root, which only its owner may enter, that user cannot.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** The user whom nobody is. */
export const nobody = 65_534

export const isRoot = process.getuid?.() === 0

/** Why a test that has to be another user than root cannot run; false if it can, or if this is not root. */
export function whyNotAsNobody(): string | false {
  if (!isRoot) return false
  const source = join(import.meta.dirname, '..', '..', 'src', 'cli.ts')
  const script = `require('node:fs').accessSync(${JSON.stringify(source)})`
  const { status } = spawnSync(process.execPath, ['-e', script], { uid: nobody, gid: nobody, cwd: '/', env: {} })
  return status === 0 ? false : 'other users may not enter the folder of this clone, so none of them can run the server'
}
