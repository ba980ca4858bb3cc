// The thread that checks a large database while the server already runs; started by integrity.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { findDamageInFile } from './integrity.ts'

const { file } = workerData as { file: string }
parentPort?.postMessage(findDamageInFile(file))
