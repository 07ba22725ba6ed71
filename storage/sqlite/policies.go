package sqlite

import (
	"context"
	"database/sql"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const policyColumns = `id, name, version, purpose, legal_basis, keep_months, keep_days, unanchored_months, unanchored_days,
	warn_before_months, warn_before_days, after_appeal_months, after_appeal_days, retroactive, state,
	drafted_by, drafted_by_id, drafted_at, approved_by, approved_by_id, approved_at`

func scanPolicy(r row) (p lieciba.RetentionPolicy, err error) {
	err = r.Scan(&p.ID, &p.Name, &p.Version, &p.Purpose, &p.LegalBasis, &p.Keep.Months, &p.Keep.Days, &p.Unanchored.Months, &p.Unanchored.Days,
		&p.WarnBefore.Months, &p.WarnBefore.Days, &p.AfterAppeal.Months, &p.AfterAppeal.Days, &p.Retroactive, &p.State,
		&p.DraftedBy, &p.DraftedByID, micros{&p.DraftedAt}, &p.ApprovedBy, &p.ApprovedByID, micros{&p.ApprovedAt})
	return p, err
}

const (
	selectPolicy = `SELECT ` + policyColumns + ` FROM policies `
	allPolicies  = `ORDER BY name, version`
)

// PutPolicy implements storage.Policies.
func (c *Catalog) PutPolicy(ctx context.Context, p lieciba.RetentionPolicy) error {
	if err := storage.CheckPolicy(p); err != nil {
		return err
	}
	return c.write(ctx, "put a policy", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanPolicy, selectPolicy+`WHERE id = ?`, p.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			if err := storage.PlanPolicy(stored[0]); err != nil {
				return err
			}
		}
		_, err = execTx(ctx, tx, `INSERT INTO policies (`+policyColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', NULL)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, purpose = excluded.purpose,
			legal_basis = excluded.legal_basis, keep_months = excluded.keep_months, keep_days = excluded.keep_days,
			unanchored_months = excluded.unanchored_months, unanchored_days = excluded.unanchored_days,
			warn_before_months = excluded.warn_before_months, warn_before_days = excluded.warn_before_days,
			after_appeal_months = excluded.after_appeal_months, after_appeal_days = excluded.after_appeal_days,
			retroactive = excluded.retroactive, drafted_by = excluded.drafted_by, drafted_by_id = excluded.drafted_by_id,
			drafted_at = excluded.drafted_at`,
			p.ID, p.Name, p.Version, p.Purpose, p.LegalBasis, p.Keep.Months, p.Keep.Days, p.Unanchored.Months, p.Unanchored.Days,
			p.WarnBefore.Months, p.WarnBefore.Days, p.AfterAppeal.Months, p.AfterAppeal.Days, p.Retroactive, p.State,
			p.DraftedBy, p.DraftedByID, us(p.DraftedAt))
		return err
	})
}

// ApprovePolicy implements storage.Policies.
func (c *Catalog) ApprovePolicy(ctx context.Context, id lieciba.PolicyID, by, byID string, at time.Time) (out lieciba.RetentionPolicy, err error) {
	err = c.write(ctx, "approve a policy", func(tx *sql.Tx) error {
		stored, err := one(ctx, tx, "policy", scanPolicy, selectPolicy+`WHERE id = ?`, id)
		if err != nil {
			return err
		}
		inForce, err := list(ctx, tx, scanPolicy, selectPolicy+`WHERE name = ? AND state = 'approved'`, stored.Name)
		if err != nil {
			return err
		}
		var old *lieciba.RetentionPolicy
		if len(inForce) > 0 {
			old = &inForce[0]
		}
		plan, err := storage.PlanApproval(stored, old, by, byID, at)
		if err != nil {
			return err
		}
		out = plan.Policy
		return storeApproval(ctx, tx, plan)
	})
	if err != nil {
		return lieciba.RetentionPolicy{}, err
	}
	return out, nil
}

func storeApproval(ctx context.Context, tx *sql.Tx, plan storage.ApprovalPlan) error {
	if !plan.Write {
		return nil
	}
	if old := plan.Supersede; old != nil {
		if _, err := execTx(ctx, tx, `UPDATE policies SET state = ? WHERE id = ?`, old.State, old.ID); err != nil {
			return err
		}
	}
	p := plan.Policy
	if _, err := execTx(ctx, tx, `UPDATE policies SET state = ?, approved_by = ?, approved_by_id = ?, approved_at = ? WHERE id = ?`,
		p.State, p.ApprovedBy, p.ApprovedByID, us(p.ApprovedAt), p.ID); err != nil {
		return err
	}
	return stageLeaf(ctx, tx, evidence.LeafOfPolicy(p))
}

// Policies implements storage.Policies.
func (c *Catalog) Policies(ctx context.Context) ([]lieciba.RetentionPolicy, error) {
	return readList(ctx, c, "policies", scanPolicy, selectPolicy+allPolicies)
}
