// What is compiled for one file of tests is there for the next one. Loaded before each of them (`npm run test:all`).
import { enableCompileCache } from 'node:module'

enableCompileCache()
