// The thread that opens an address in a browser (see browser.ts). Ends once the browser has received the address.
import { workerData } from 'node:worker_threads'
import open from 'open'

await open(String(workerData))
