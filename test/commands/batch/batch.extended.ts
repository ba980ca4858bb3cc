// The combinations that batch.test.ts leaves out.
import './batch.test.ts'
