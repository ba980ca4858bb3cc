// Seals a text so that a client can keep it but not read or change it: authenticated encryption with a key in the data
// folder, for one owner: for others it is as if this server had not written it. Not for secrets of this server, nor for what is stored here.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { replacePrivateFile } from '../platform/private-files.ts'

/** Seals for one owner. */
export type Sealer = {
  /** The same text is sealed the same way each time. */
  seal(text: string): string
  /** Null if it was not sealed with this key, belongs to somebody else, or was changed since. */
  open(sealed: string): string | null
}

export type Sealers = {
  /** `owner`: the id of a key; null for the owner of the machine. `opensAll`: also what belongs to somebody else. */
  for(owner: string | null, options?: { opensAll?: boolean }): Sealer
}

const prefix = 'css1.'
const keyBytes = 32
const ivBytes = 12
const tagBytes = 16
const algorithm = 'aes-256-gcm'

/** What a sealed text consists of. The owner can be read, but not changed. */
type Parts = { owner: Buffer; iv: Buffer; tag: Buffer; body: Buffer }

function join({ owner, iv, tag, body }: Parts): string {
  return `${prefix}${Buffer.concat([Buffer.of(owner.length), owner, iv, tag, body]).toString('base64url')}`
}

function split(sealed: string): Parts | null {
  if (!sealed.startsWith(prefix)) return null
  const bytes = Buffer.from(sealed.slice(prefix.length), 'base64url')
  const ivStart = 1 + (bytes[0] ?? 0)
  const tagStart = ivStart + ivBytes
  const bodyStart = tagStart + tagBytes
  if (bytes.length < bodyStart) return null
  return {
    owner: bytes.subarray(1, ivStart),
    iv: bytes.subarray(ivStart, tagStart),
    tag: bytes.subarray(tagStart, bodyStart),
    body: bytes.subarray(bodyStart),
  }
}

export function createSealers(secret: Buffer): Sealers {
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', secret, '', `claude-serve ${use}`, keyBytes))
  const [key, ivKey] = [derive('seal'), derive('seal iv')]
  const seal = (text: string, owner: Buffer) => {
    // Made from the text: a response that is read again must be the same.
    const iv = createHmac('sha256', ivKey).update(owner).update('\0').update(text).digest().subarray(0, ivBytes)
    const cipher = createCipheriv(algorithm, key, iv).setAAD(owner)
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return join({ owner, iv, tag: cipher.getAuthTag(), body })
  }
  const open = ({ owner, iv, tag, body }: Parts) => {
    try {
      const decipher = createDecipheriv(algorithm, key, iv).setAAD(owner).setAuthTag(tag)
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    } catch {
      return null
    }
  }
  return {
    for(id, { opensAll = false } = {}) {
      const owner = Buffer.from(id ?? '')
      return {
        seal: (text) => seal(text, owner),
        open(sealed) {
          const parts = split(sealed)
          return parts !== null && (opensAll || parts.owner.equals(owner)) ? open(parts) : null
        },
      }
    },
  }
}

/** The sealers of a data folder, whose lock the caller must hold. Its key is created when it is first needed. */
export function sealersIn(folder: string): Sealers {
  let sealers: Sealers | null = null
  const ready = () => {
    sealers ??= createSealers(readKey(joinPath(folder, 'seal.key')))
    return sealers
  }
  return {
    for: (owner, options) => ({
      seal: (text) => ready().for(owner, options).seal(text),
      open: (sealed) => ready().for(owner, options).open(sealed),
    }),
  }
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
