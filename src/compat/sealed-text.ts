// Seals a text so that a client can keep it but not read or change it: authenticated encryption with a key in the data
// folder. Not for secrets of this server, nor for what is stored here.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replacePrivateFile } from '../platform/private-files.ts'

export type Sealer = {
  /** The same text is sealed the same way each time. */
  seal(text: string): string
  /** Null if it was not sealed with this key, or was changed since. */
  open(sealed: string): string | null
}

const prefix = 'css1.'
const keyBytes = 32
const ivBytes = 12
const tagBytes = 16
const algorithm = 'aes-256-gcm'

export function createSealer(secret: Buffer): Sealer {
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', secret, '', `claude-serve ${use}`, keyBytes))
  const [key, ivKey] = [derive('seal'), derive('seal iv')]
  return {
    seal(text) {
      // Made from the text: a response that is read again must be the same.
      const iv = createHmac('sha256', ivKey).update(text).digest().subarray(0, ivBytes)
      const cipher = createCipheriv(algorithm, key, iv)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return `${prefix}${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`
    },
    open(sealed) {
      if (!sealed.startsWith(prefix)) return null
      const bytes = Buffer.from(sealed.slice(prefix.length), 'base64url')
      if (bytes.length < ivBytes + tagBytes) return null
      try {
        const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes))
        decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
        return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8')
      } catch {
        return null
      }
    },
  }
}

/** The sealer of a data folder, whose lock the caller must hold. Its key is created when it is first needed. */
export function sealerIn(folder: string): Sealer {
  let sealer: Sealer | null = null
  const ready = () => {
    sealer ??= createSealer(readKey(join(folder, 'seal.key')))
    return sealer
  }
  return { seal: (text) => ready().seal(text), open: (sealed) => ready().open(sealed) }
}

function readKey(file: string): Buffer {
  try {
    const key = readFileSync(file)
    if (key.length === keyBytes) return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const key = randomBytes(keyBytes)
  replacePrivateFile(file, key)
  return key
}
