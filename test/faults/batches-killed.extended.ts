// The combinations of batches-killed.test.ts.
import './batches-killed.test.ts'
