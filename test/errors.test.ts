// What unexpected errors become for clients.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toAppError } from '../src/errors.ts'

const systemError = (code: string) => Object.assign(new Error(`spawn claude ${code}`), { code })

for (const [code, expected, text] of [
  ['EMFILE', 'overloaded', /raise its limit \(ulimit -n 4096\)/],
  ['ENFILE', 'overloaded', /raise its limit/],
  ['ENOSPC', 'storage_full', /disk that holds the data folder is full/],
  ['EACCES', 'internal', /the request id is in its log/],
] as const) {
  test(`${code} is reported as ${expected}`, () => {
    const error = toAppError(systemError(code))
    assert.equal(error.code, expected)
    assert.match(error.message, text)
    assert.doesNotMatch(error.message, /spawn claude/)
  })
}
