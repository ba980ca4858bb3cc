// The thread in which a browser is opened (see browser.ts). Ends when the browser was told.
import { workerData } from 'node:worker_threads'
import open from 'open'

await open(String(workerData))
