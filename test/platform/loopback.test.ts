// Which hosts count as reachable only from this machine.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopbackHost } from '../../src/platform/loopback.ts'

for (const host of ['127.0.0.1', '127.0.0.2', '127.255.255.254', 'localhost', 'LOCALHOST', '::1', '[::1]']) {
  test(`${host} is a loopback host`, () => {
    assert.equal(isLoopbackHost(host), true)
  })
}

const beyond = [
  ...['', ' ', '0', '0x0', '0.0.0.0', '::', '::0', '[::]', '０', '１２７.0.0.1', '00.00.00.00'],
  ...['192.168.1.5', '10.0.0.1', '169.254.1.1', 'fe80::1', '[fd00::1]', '::ffff:0.0.0.0', '::ffff:192.168.1.5'],
  ...['example.com', 'localhost.', 'localhost.example.com', 'localhost.localdomain', '127.0.0.1.nip.io', 'box.local'],
  ...['127.0.0.256', '127.0.0.1:80', '127.0.0.1 ', '127.0.0', '0127.0.0.1', '128.0.0.1', '*'],
]
for (const host of beyond) {
  test(`${JSON.stringify(host)} does not count as a loopback host`, () => {
    assert.equal(isLoopbackHost(host), false)
  })
}
