package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const policyColumns = `id, name, version, purpose, legal_basis, keep_months, keep_days, unanchored_months, unanchored_days,
	warn_before_months, warn_before_days, after_appeal_months, after_appeal_days, retroactive, state,
	drafted_by, drafted_by_id, drafted_at, approved_by, approved_by_id, approved_at`

func scanPolicy(r pgx.CollectableRow) (p lieciba.RetentionPolicy, err error) {
	err = r.Scan(&p.ID, &p.Name, &p.Version, &p.Purpose, &p.LegalBasis, &p.Keep.Months, &p.Keep.Days,
		&p.Unanchored.Months, &p.Unanchored.Days, &p.WarnBefore.Months, &p.WarnBefore.Days, &p.AfterAppeal.Months, &p.AfterAppeal.Days,
		&p.Retroactive, &p.State, &p.DraftedBy, &p.DraftedByID, stamp{&p.DraftedAt}, &p.ApprovedBy, &p.ApprovedByID, stamp{&p.ApprovedAt})
	return p, err
}

const (
	selectPolicy   = `SELECT ` + policyColumns + ` FROM policies `
	selectPolicies = selectPolicy + `ORDER BY name, version`
)

// policyLock is the advisory lock of all policies: changes take it alone, a
// decision that rests on them together with others of its kind. There are few
// policies, and most decisions read them all.
const policyLock = 0x6c696563706f6c // "liecpol"

func lockPolicies(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(policyLock))
	return err
}

// PutPolicy implements storage.Policies.
func (c *Catalog) PutPolicy(ctx context.Context, p lieciba.RetentionPolicy) error {
	if err := storage.CheckPolicy(p); err != nil {
		return err
	}
	p.ApprovedBy, p.ApprovedByID, p.ApprovedAt = "", "", time.Time{}
	return c.write(ctx, "put a policy", func(tx pgx.Tx) error {
		if err := lockPolicies(ctx, tx); err != nil {
			return err
		}
		stored, err := first(ctx, tx, scanPolicy, selectPolicy+`WHERE id = $1`, p.ID)
		if err != nil {
			return err
		}
		if stored != nil {
			if err := storage.PlanPolicy(*stored); err != nil {
				return err
			}
		}
		return storePolicy(ctx, tx, p)
	})
}

func storePolicy(ctx context.Context, tx pgx.Tx, p lieciba.RetentionPolicy) error {
	_, err := execTx(ctx, tx, `INSERT INTO policies (`+policyColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, purpose = excluded.purpose,
			legal_basis = excluded.legal_basis, keep_months = excluded.keep_months, keep_days = excluded.keep_days,
			unanchored_months = excluded.unanchored_months, unanchored_days = excluded.unanchored_days,
			warn_before_months = excluded.warn_before_months, warn_before_days = excluded.warn_before_days,
			after_appeal_months = excluded.after_appeal_months, after_appeal_days = excluded.after_appeal_days,
			retroactive = excluded.retroactive, state = excluded.state, drafted_by = excluded.drafted_by,
			drafted_by_id = excluded.drafted_by_id, drafted_at = excluded.drafted_at,
			approved_by = excluded.approved_by, approved_by_id = excluded.approved_by_id, approved_at = excluded.approved_at`,
		p.ID, p.Name, p.Version, p.Purpose, p.LegalBasis, p.Keep.Months, p.Keep.Days, p.Unanchored.Months, p.Unanchored.Days,
		p.WarnBefore.Months, p.WarnBefore.Days, p.AfterAppeal.Months, p.AfterAppeal.Days, p.Retroactive, p.State,
		p.DraftedBy, p.DraftedByID, ts(p.DraftedAt), p.ApprovedBy, p.ApprovedByID, orNull(p.ApprovedAt))
	return err
}

// ApprovePolicy implements storage.Policies.
func (c *Catalog) ApprovePolicy(ctx context.Context, id lieciba.PolicyID, by, byID string, at time.Time) (out lieciba.RetentionPolicy, err error) {
	err = c.write(ctx, "approve a policy", func(tx pgx.Tx) error {
		if err := lockPolicies(ctx, tx); err != nil {
			return err
		}
		stored, err := one(ctx, tx, "policy", scanPolicy, selectPolicy+`WHERE id = $1`, id)
		if err != nil {
			return err
		}
		inForce, err := first(ctx, tx, scanPolicy, selectPolicy+`WHERE name = $1 AND state = 'approved'`, stored.Name)
		if err != nil {
			return err
		}
		plan, err := storage.PlanApproval(stored, inForce, by, byID, at)
		if err != nil {
			return err
		}
		out = plan.Policy
		if !plan.Write {
			return nil
		}
		if plan.Supersede != nil { // first: one version of a name is in force
			if err := storePolicy(ctx, tx, *plan.Supersede); err != nil {
				return err
			}
		}
		if err := storePolicy(ctx, tx, out); err != nil {
			return err
		}
		return stageLeaf(ctx, tx, evidence.LeafOfPolicy(out))
	})
	if err != nil {
		return lieciba.RetentionPolicy{}, err
	}
	return out, nil
}

// Policies implements storage.Policies.
func (c *Catalog) Policies(ctx context.Context) ([]lieciba.RetentionPolicy, error) {
	return readList(ctx, c, "policies", scanPolicy, selectPolicies)
}
