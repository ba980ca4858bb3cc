// Further large schemas.
import './schema-checks.test.ts'
